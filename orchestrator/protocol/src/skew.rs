//! Which versions of the worker protocol talk to each other. Asked once, when a worker registers, and never in the middle
//! of a task. To change the protocol: raise [`PROTOCOL_VERSION`]; raise [`OLDEST_PROTOCOL`] only once no worker of before is
//! left to be replaced, so that servers can be restarted first and workers one by one after them.

/// What this binary speaks, as a server and as a worker. 2 reads builds page by page; a worker of 1 asks for all of a range at
/// once, at a path of its own.
pub const PROTOCOL_VERSION: u32 = 2;

/// The oldest protocol of a worker that this binary, as a server, still takes. With 1 goes `GET /api/v1/builds/{view}`.
pub const OLDEST_PROTOCOL: u32 = 1;

/// Why a worker that speaks `protocol` is not taken.
///
/// # Errors
/// A sentence for both sides, with the versions and what to do.
pub fn accepted(protocol: u32, version: &str) -> Result<(), String> {
    let replace = match protocol {
        OLDEST_PROTOCOL..=PROTOCOL_VERSION => return Ok(()),
        newer if newer > PROTOCOL_VERSION => "the server",
        _ => "the worker",
    };
    let takes = match OLDEST_PROTOCOL {
        PROTOCOL_VERSION => PROTOCOL_VERSION.to_string(),
        oldest => format!("{oldest} to {PROTOCOL_VERSION}"),
    };
    Err(format!(
        "the worker (daybreak {version}) speaks protocol {protocol}, the server (daybreak {}) takes {takes}: replace \
         {replace} by a newer one",
        env!("CARGO_PKG_VERSION")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_taken_and_what_lies_outside_is_told_what_to_replace() {
        for taken in OLDEST_PROTOCOL..=PROTOCOL_VERSION {
            assert_eq!(accepted(taken, "0.1.0"), Ok(()));
        }
        let newer = accepted(PROTOCOL_VERSION + 1, "9.9.9").expect_err("unknown");
        assert!(newer.contains("daybreak 9.9.9") && newer.ends_with("replace the server by a newer one"), "{newer}");
        let older = accepted(OLDEST_PROTOCOL - 1, "0.0.1").expect_err("too old");
        assert!(older.ends_with("replace the worker by a newer one"), "{older}");
    }
}
