//! Which tasks a worker does not know of although the rows give them to it: the server died between claim and delivery, or
//! a reply was lost. One heartbeat may have crossed the delivery on its way; a second one in a row says it. To add
//! something that heartbeats tell: a method here.

/// Heartbeats in a row without a task before it is taken back.
const MAX_UNLISTED: u32 = 2;

/// What a worker's last heartbeats did not list, with how many in a row did not.
#[derive(Clone, Debug)]
pub struct Unlisted<T> {
    counts: Vec<(T, u32)>,
}

impl<T: PartialEq> Unlisted<T> {
    /// Takes a heartbeat that did not list `missing` of the rows; what is to be taken back.
    pub fn count(&mut self, missing: impl IntoIterator<Item = T>) -> Vec<T> {
        let before = std::mem::take(&mut self.counts);
        let mut too_often = Vec::new();
        for task in missing {
            let known = before.iter().find(|(known, _)| *known == task).map_or(0, |(_, count)| *count);
            if known + 1 >= MAX_UNLISTED { too_often.push(task) } else { self.counts.push((task, known + 1)) }
        }
        too_often
    }

    /// Whether the last heartbeat listed everything, or what it did not is taken back.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

impl<T> Default for Unlisted<T> {
    fn default() -> Self {
        Self { counts: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_taken_back_after_two_heartbeats_in_a_row_without_it() {
        let mut unlisted = Unlisted::default();
        assert_eq!(unlisted.count(["first", "second"]), [""; 0]);
        assert_eq!(unlisted.count(["first"]), ["first"]);
        assert!(unlisted.is_empty());
    }

    #[test]
    fn a_task_that_was_listed_in_between_is_counted_anew() {
        let mut unlisted = Unlisted::default();
        for missing in [vec![7], vec![], vec![7]] {
            assert!(unlisted.count(missing).is_empty());
        }
        assert_eq!(unlisted.count([7]), [7]);
    }
}
