//! The allow-list of scalar functions: their names, numbers of arguments and types. To add one: a variant of
//! `Function`, a line in `by_name`, an arm in `infer.rs`, and its evaluation in the model and offline packages.

use crate::Function;

/// Names as written, in the order in which hints list them. EXTRACT, FLOOR and CEIL have a syntax of their own.
pub(crate) const NAMES: &[&str] = &[
    "abs", "floor", "ceil", "round", "sqrt", "ln", "exp", "least", "greatest", "coalesce", "lower", "upper", "length",
    "extract",
];

/// The function of that name, in any case.
pub(crate) fn by_name(name: &str) -> Option<Function> {
    Some(match name.to_ascii_lowercase().as_str() {
        "abs" => Function::Abs,
        "floor" => Function::Floor,
        "ceil" | "ceiling" => Function::Ceil,
        "round" => Function::Round,
        "sqrt" => Function::Sqrt,
        "ln" => Function::Ln,
        "exp" => Function::Exp,
        "least" => Function::Least,
        "greatest" => Function::Greatest,
        "coalesce" => Function::Coalesce,
        "lower" => Function::Lower,
        "upper" => Function::Upper,
        "length" | "char_length" | "character_length" => Function::Length,
        _ => return None,
    })
}

/// The name that messages show.
pub(crate) fn name(function: Function) -> &'static str {
    match function {
        Function::Abs => "ABS",
        Function::Floor => "FLOOR",
        Function::Ceil => "CEIL",
        Function::Round => "ROUND",
        Function::Sqrt => "SQRT",
        Function::Ln => "LN",
        Function::Exp => "EXP",
        Function::Least => "LEAST",
        Function::Greatest => "GREATEST",
        Function::Coalesce => "COALESCE",
        Function::Lower => "LOWER",
        Function::Upper => "UPPER",
        Function::Length => "LENGTH",
        Function::Hour => "EXTRACT(HOUR ...)",
        Function::DayOfWeek => "EXTRACT(DOW ...)",
        Function::Day => "EXTRACT(DAY ...)",
        Function::Month => "EXTRACT(MONTH ...)",
        Function::Year => "EXTRACT(YEAR ...)",
    }
}

/// Whether it takes one argument or more than one.
pub(crate) fn takes_many(function: Function) -> bool {
    matches!(function, Function::Least | Function::Greatest | Function::Coalesce)
}
