//! One field of a cron expression: lists, ranges, steps and names to a set of numbers. Knows nothing of what the field
//! is for beyond its bounds. To add a form of item: an arm in [`read_item`].

use daybreak_spec::Severity;

/// A piece of the expression and where it stands in it, in characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub text: &'a str,
    pub offset: usize,
}

/// Something wrong with a piece of the expression.
#[derive(Clone, Debug)]
pub(super) struct Mistake {
    pub code: &'static str,
    pub offset: usize,
    pub length: usize,
    pub message: String,
    pub hint: Option<String>,
    pub severity: Severity,
}

impl Mistake {
    /// `bad_cron` at the piece.
    pub fn new(piece: Piece<'_>, message: impl Into<String>) -> Self {
        Self {
            code: "bad_cron",
            offset: piece.offset,
            length: piece.text.chars().count().max(1),
            message: message.into(),
            hint: None,
            severity: Severity::Error,
        }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// What a field may hold.
#[derive(Debug)]
pub(super) struct FieldKind {
    /// In messages.
    pub name: &'static str,
    pub min: u32,
    pub max: u32,
    /// The values that a `*` stands for end here (weekdays: 6, as 7 is Sunday again).
    pub star_max: u32,
    /// Names of the values from `min` on.
    pub names: &'static [&'static str],
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const fn numbers(name: &'static str, min: u32, max: u32) -> FieldKind {
    FieldKind { name, min, max, star_max: max, names: &[] }
}

pub(super) const SECOND: FieldKind = numbers("second", 0, 59);
pub(super) const MINUTE: FieldKind = numbers("minute", 0, 59);
pub(super) const HOUR: FieldKind = numbers("hour", 0, 23);
pub(super) const DAY_OF_MONTH: FieldKind = numbers("day of month", 1, 31);
pub(super) const MONTH: FieldKind = FieldKind { names: &MONTHS, ..numbers("month", 1, 12) };
pub(super) const WEEKDAY: FieldKind = FieldKind { star_max: 6, names: &WEEKDAYS, ..numbers("day of week", 0, 7) };

/// The items of a list.
pub(super) fn items(field: Piece<'_>) -> Vec<Piece<'_>> {
    let mut offset = field.offset;
    let mut items = Vec::new();
    for text in field.text.split(',') {
        items.push(Piece { text, offset });
        offset += text.chars().count() + 1;
    }
    items
}

/// A whole field as a set of numbers, bit n for n.
pub(super) fn read_field(kind: &FieldKind, field: Piece<'_>) -> Result<u64, Vec<Mistake>> {
    let (mut set, mut mistakes) = (0, Vec::new());
    for item in items(field) {
        match read_item(kind, item) {
            Ok(numbers) => set |= numbers,
            Err(mistake) => mistakes.push(mistake),
        }
    }
    if mistakes.is_empty() { Ok(set) } else { Err(mistakes) }
}

/// One item: `*`, `n`, `a-b`, `*/s` or `a-b/s`.
pub(super) fn read_item(kind: &FieldKind, item: Piece<'_>) -> Result<u64, Mistake> {
    let (base, step) = match item.text.split_once('/') {
        None => (item.text, 1),
        Some((base, step)) => (base, read_step(kind, item, base, step)?),
    };
    let base_piece = Piece { text: base, offset: item.offset };
    let (low, high) = match base.split_once('-') {
        _ if base == "*" => (kind.min, kind.star_max),
        _ if base == "?" => return Err(Mistake::new(item, "`?` is not a form of cron used here").hint("write `*`")),
        None if item.text.contains('/') => return Err(step_without_range(kind, item, base_piece)),
        None => read_value(kind, base_piece).map(|value| (value, value))?,
        Some((low, high)) => read_range(kind, item, Piece { text: low, offset: item.offset }, high)?,
    };
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    Ok((low..=high).step_by(step).fold(0, |set, value| set | 1 << value))
}

fn read_step(kind: &FieldKind, item: Piece<'_>, base: &str, step: &str) -> Result<u32, Mistake> {
    let piece = Piece { text: step, offset: item.offset + base.chars().count() + 1 };
    match number(step) {
        Some(0) => Err(Mistake::new(piece, format!("the step of the {} is 0", kind.name)).hint("a step is at least 1")),
        Some(step) => Ok(step),
        None => {
            let message = format!("`{step}` is not a step of the {}", kind.name);
            Err(Mistake::new(piece, message).hint("a step is a whole number, such as `*/10`"))
        }
    }
}

fn step_without_range(kind: &FieldKind, item: Piece<'_>, base: Piece<'_>) -> Mistake {
    let low = match read_value(kind, base) {
        Ok(low) => low,
        Err(mistake) => return mistake,
    };
    let step = item.text.rsplit('/').next().unwrap_or_default();
    let instead = if low == kind.min { format!("*/{step}") } else { format!("{low}-{}/{step}", kind.star_max) };
    Mistake::new(item, format!("`{}` steps from a single {}", item.text, kind.name)).hint(format!("write `{instead}`"))
}

fn read_range(kind: &FieldKind, item: Piece<'_>, low: Piece<'_>, high: &str) -> Result<(u32, u32), Mistake> {
    let high = Piece { text: high, offset: low.offset + low.text.chars().count() + 1 };
    let first = read_value(kind, low)?;
    let last = match read_value(kind, high)? {
        // `fri-sun` ends with the week; `sun-sun` is one day.
        0 if kind.max == WEEKDAY.max && first > 0 && !high.text.starts_with('0') => 7,
        last => last,
    };
    if first <= last {
        return Ok((first, last));
    }
    let message = format!("the range `{}-{}` runs backwards", low.text, high.text);
    Err(Mistake::new(item, message).hint(format!("write `{}`", wrapped(kind, first, last, low.text))))
}

/// What a range that runs over the end of its field means, as a list.
fn wrapped(kind: &FieldKind, first: u32, last: u32, as_written: &str) -> String {
    let named = number(as_written).is_none();
    let word = |value: u32| match kind.names.get((value - kind.min) as usize) {
        Some(name) if named => (*name).to_owned(),
        _ => value.to_string(),
    };
    let upper = if first <= kind.star_max { first..=kind.star_max } else { kind.min..=kind.min };
    let lower_from = if first <= kind.star_max { kind.min } else { kind.min + 1 };
    let values: Vec<u32> = upper.chain(lower_from..=last).collect();
    if values.len() <= 7 {
        return values.into_iter().map(word).collect::<Vec<_>>().join(",");
    }
    format!("{}-{},{}-{}", word(first), word(kind.star_max), word(kind.min), word(last))
}

/// One number or name.
pub(super) fn read_value(kind: &FieldKind, piece: Piece<'_>) -> Result<u32, Mistake> {
    let refused = |message: String| Mistake::new(piece, message).hint(expectation(kind));
    if piece.text.is_empty() {
        return Err(refused(format!("a value of the {} is missing", kind.name)));
    }
    if let Some(value) = number(piece.text) {
        let inside = (kind.min..=kind.max).contains(&value);
        return if inside { Ok(value) } else { Err(refused(format!("{value} is not a {}", kind.name))) };
    }
    let lower = piece.text.to_ascii_lowercase();
    let position = |name: &&&str| lower.starts_with(**name);
    match kind.names.iter().zip(kind.min..).find(|(name, _)| **name == lower) {
        Some((_, value)) => Ok(value),
        None => {
            let mistake = refused(format!("`{}` is not a {}", piece.text, kind.name));
            Err(match kind.names.iter().find(position) {
                Some(name) => mistake.hint(format!("did you mean `{name}`?")),
                None => mistake,
            })
        }
    }
}

fn expectation(kind: &FieldKind) -> String {
    match (kind.names.first(), kind.names.last()) {
        (Some(first), Some(last)) => format!("{} to {}, or {first} to {last}", kind.min, kind.max),
        _ => format!("{} to {}", kind.min, kind.max),
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.len() <= 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The numbers of a set, ascending.
pub(super) fn members(set: u64) -> impl Iterator<Item = u32> {
    (0..64).filter(move |value| set & 1 << value != 0)
}
