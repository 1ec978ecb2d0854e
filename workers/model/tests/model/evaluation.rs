//! The row evaluator against SQL's rules.

use daybreak_model::{EvalError, evaluate};
use daybreak_spec::{BinaryOperator as B, ColumnType as T, Expr, Function as F, UnaryOperator as U, Value};
use proptest::prelude::*;

const NULL: Value = Value::Null;
const TRUE: Value = Value::Bool(true);
const FALSE: Value = Value::Bool(false);

fn lit(value: Value) -> Expr {
    Expr::Literal(value)
}

fn int(number: i64) -> Value {
    Value::Int(number)
}

fn float(number: f64) -> Value {
    Value::Float(number)
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn binary(operator: B, left: Value, right: Value) -> Expr {
    Expr::Binary(operator, Box::new(lit(left)), Box::new(lit(right)))
}

fn run(expr: &Expr) -> Result<Value, EvalError> {
    evaluate(expr, &|name| panic!("no column {name}"))
}

fn value(expr: &Expr) -> Value {
    run(expr).expect("the expression has a value")
}

fn call(function: F, arguments: Vec<Value>) -> Value {
    value(&Expr::Call(function, arguments.into_iter().map(lit).collect()))
}

fn cast(operand: Value, to: T) -> Result<Value, EvalError> {
    run(&Expr::Cast(Box::new(lit(operand)), to))
}

fn instant(text: &str) -> Value {
    Value::Instant(daybreak_spec::Timestamp::parse(text).expect("an instant").micros)
}

#[test]
fn and_or_and_not_follow_three_valued_logic() {
    let table = [
        (TRUE, TRUE, TRUE, TRUE),
        (TRUE, FALSE, FALSE, TRUE),
        (TRUE, NULL, NULL, TRUE),
        (FALSE, TRUE, FALSE, TRUE),
        (FALSE, FALSE, FALSE, FALSE),
        (FALSE, NULL, FALSE, NULL),
        (NULL, TRUE, NULL, TRUE),
        (NULL, FALSE, FALSE, NULL),
        (NULL, NULL, NULL, NULL),
    ];
    for (left, right, and, or) in table {
        assert_eq!(value(&binary(B::And, left.clone(), right.clone())), and, "{left:?} AND {right:?}");
        assert_eq!(value(&binary(B::Or, left.clone(), right.clone())), or, "{left:?} OR {right:?}");
    }
    for (operand, negated) in [(TRUE, FALSE), (FALSE, TRUE), (NULL, NULL)] {
        assert_eq!(value(&Expr::Unary(U::Not, Box::new(lit(operand)))), negated);
    }
}

#[test]
fn null_in_a_comparison_or_in_arithmetic_gives_null_and_is_null_sees_it() {
    for operator in [B::Equal, B::NotEqual, B::Less, B::GreaterOrEqual, B::Add, B::Divide, B::Modulo] {
        assert_eq!(value(&binary(operator, NULL, int(1))), NULL);
        assert_eq!(value(&binary(operator, int(1), NULL)), NULL);
    }
    assert_eq!(value(&Expr::Unary(U::IsNull, Box::new(lit(NULL)))), TRUE);
    assert_eq!(value(&Expr::Unary(U::IsNotNull, Box::new(lit(NULL)))), FALSE);
    assert_eq!(value(&Expr::Unary(U::IsNull, Box::new(lit(int(0))))), FALSE);
    assert_eq!(value(&Expr::Unary(U::Negate, Box::new(lit(NULL)))), NULL);
}

#[test]
fn division_is_float_division_and_a_remainder_has_the_sign_of_the_dividend() {
    assert_eq!(value(&binary(B::Divide, int(7), int(2))), float(3.5));
    assert_eq!(value(&binary(B::Modulo, int(-7), int(3))), int(-1));
    assert_eq!(value(&binary(B::Modulo, int(7), int(-3))), int(1));
    assert_eq!(value(&binary(B::Modulo, float(-7.5), int(2))), float(-1.5));
    assert_eq!(value(&binary(B::Modulo, int(i64::MIN), int(-1))), int(0));
}

#[test]
fn a_result_that_is_not_finite_is_null_in_the_end_but_compares_as_infinite_inside() {
    assert_eq!(value(&binary(B::Divide, int(1), int(0))), NULL);
    assert_eq!(value(&binary(B::Modulo, int(1), int(0))), NULL);
    assert_eq!(call(F::Ln, vec![int(0)]), NULL);
    assert_eq!(call(F::Sqrt, vec![int(-1)]), NULL);
    let infinite = Box::new(binary(B::Divide, int(1), int(0)));
    assert_eq!(value(&Expr::Binary(B::Greater, infinite, Box::new(lit(int(5))))), TRUE);
}

#[test]
fn whole_numbers_that_overflow_are_an_error() {
    for (operator, left, right) in [(B::Add, i64::MAX, 1), (B::Subtract, i64::MIN, 1), (B::Multiply, i64::MAX, 2)] {
        assert!(matches!(run(&binary(operator, int(left), int(right))), Err(EvalError::Overflow(_))));
    }
    assert!(matches!(run(&Expr::Unary(U::Negate, Box::new(lit(int(i64::MIN))))), Err(EvalError::Overflow(_))));
    assert!(matches!(run(&Expr::Call(F::Abs, vec![lit(int(i64::MIN))])), Err(EvalError::Overflow(_))));
}

#[test]
fn values_of_different_families_are_not_compared() {
    let error = run(&binary(B::Greater, text("5"), int(3))).expect_err("text > int");
    assert_eq!(error.to_string(), "comparison is not defined for text and a whole number");
    assert!(run(&binary(B::Add, text("a"), text("b"))).is_err());
    assert!(run(&binary(B::And, int(1), TRUE)).is_err());
    assert_eq!(value(&binary(B::Equal, int(2), float(2.0))), TRUE);
    assert_eq!(value(&binary(B::Less, text("AA"), text("B6"))), TRUE);
    assert_eq!(value(&binary(B::Equal, FALSE, TRUE)), FALSE);
    assert!(run(&binary(B::Add, TRUE, int(1))).is_err());
    assert!(run(&binary(B::LessOrEqual, Value::Date(1), Value::Instant(0))).is_err());
}

#[test]
fn membership_with_nulls_is_unknown_unless_found() {
    let within = |operand, list, negated| value(&Expr::In { value: Box::new(lit(operand)), list, negated });
    assert_eq!(within(int(1), vec![int(1), NULL], false), TRUE);
    assert_eq!(within(int(2), vec![int(1), NULL], false), NULL);
    assert_eq!(within(int(2), vec![int(1), int(3)], false), FALSE);
    assert_eq!(within(int(2), vec![int(1), int(3)], true), TRUE);
    assert_eq!(within(int(2), vec![int(1), NULL], true), NULL);
    assert_eq!(within(NULL, vec![int(1)], true), NULL);
}

#[test]
fn the_first_case_that_holds_wins_and_null_does_not_hold() {
    let case = |conditions: [Value; 2], otherwise: Option<Value>| {
        let values = [text("first"), text("second")];
        let branches = conditions.into_iter().zip(values).map(|(when, then)| (lit(when), lit(then))).collect();
        value(&Expr::Case { branches, otherwise: otherwise.map(|value| Box::new(lit(value))) })
    };
    assert_eq!(case([TRUE, TRUE], None), text("first"));
    assert_eq!(case([NULL, TRUE], None), text("second"));
    assert_eq!(case([FALSE, NULL], Some(text("else"))), text("else"));
    assert_eq!(case([FALSE, FALSE], None), NULL);
}

#[test]
fn functions_of_numbers() {
    assert_eq!(call(F::Abs, vec![int(-3)]), int(3));
    assert_eq!(call(F::Abs, vec![float(-3.5)]), float(3.5));
    assert_eq!(call(F::Round, vec![float(-2.5)]), float(-3.0));
    assert_eq!(call(F::Round, vec![float(2.5)]), float(3.0));
    assert_eq!(call(F::Floor, vec![float(-2.1)]), float(-3.0));
    assert_eq!(call(F::Ceil, vec![int(2)]), float(2.0));
    assert_eq!(call(F::Least, vec![NULL, int(3), int(2)]), int(2));
    assert_eq!(call(F::Greatest, vec![int(3), NULL, float(2.5)]), float(3.0));
    assert_eq!(call(F::Greatest, vec![NULL, NULL]), NULL);
    assert_eq!(call(F::Coalesce, vec![NULL, int(0), int(1)]), int(0));
    assert_eq!(call(F::Coalesce, vec![NULL]), NULL);
}

#[test]
fn functions_of_text_and_time() {
    assert_eq!(call(F::Upper, vec![text("straße")]), text("STRASSE"));
    assert_eq!(call(F::Lower, vec![text("ÉA")]), text("éa"));
    assert_eq!(call(F::Length, vec![text("né")]), int(2));
    let night = instant("2013-03-10T06:59:59Z");
    let parts = [F::Hour, F::DayOfWeek, F::Day, F::Month, F::Year].map(|part| call(part, vec![night.clone()]));
    assert_eq!(parts, [6, 0, 10, 3, 2013].map(int));
    assert_eq!(call(F::Hour, vec![instant("1969-12-31T23:00:00Z")]), int(23));
    assert_eq!(call(F::DayOfWeek, vec![Value::Date(0)]), int(4));
    for other in [int(3), Value::Date(3)] {
        assert!(run(&Expr::Call(F::Hour, vec![lit(other)])).is_err());
    }
}

#[test]
fn casts_between_types() {
    assert_eq!(cast(text("12"), T::I32), Ok(int(12)));
    assert_eq!(cast(text("-1.5e3"), T::F64), Ok(float(-1500.0)));
    assert_eq!(cast(float(-2.9), T::I64), Ok(int(-2)));
    assert_eq!(cast(int(3), T::F64), Ok(float(3.0)));
    assert_eq!(cast(float(0.1), T::F32), Ok(float(f64::from(0.1_f32))));
    assert_eq!(cast(TRUE, T::I8), Ok(int(1)));
    assert_eq!(cast(TRUE, T::Str), Ok(text("true")));
    assert_eq!(cast(instant("1969-12-31T23:00:00Z"), T::Date), Ok(Value::Date(-1)));
    assert_eq!(cast(Value::Date(15_774), T::Datetime), Ok(instant("2013-03-10T00:00:00Z")));
    assert_eq!(cast(text("UA"), T::Str), Ok(text("UA")));
    assert_eq!(cast(NULL, T::Date), Ok(NULL));
}

#[test]
fn a_cast_without_a_counterpart_is_an_error_that_shows_the_value() {
    let error = cast(text("twelve"), T::I32).expect_err("no number");
    assert_eq!(error.to_string(), "cannot cast `twelve` to i32");
    assert_eq!(cast(int(300), T::U8).expect_err("too large").to_string(), "cannot cast 300 to u8");
    for (operand, to) in [
        (float(1e19), T::I64),
        (float(-1.0), T::U64),
        (text("inf"), T::F64),
        (text(" 12"), T::I32),
        (text("2013-02-28"), T::Date),
        (int(1), T::Bool),
        (TRUE, T::Datetime),
        (Value::Date(1), T::I64),
        (Value::Date(1), T::Bool),
    ] {
        assert!(cast(operand.clone(), to).is_err(), "{operand:?} to {}", to.name());
    }
}

#[test]
fn a_wrong_number_of_arguments_and_an_unknown_column_are_found_when_compiling() {
    assert!(matches!(run(&Expr::Call(F::Ln, vec![])), Err(EvalError::Arguments { found: 0, .. })));
    assert!(matches!(run(&Expr::Call(F::Least, vec![])), Err(EvalError::Arguments { .. })));
    let compiled = daybreak_model::Program::compile(&Expr::Column("dep_delay".to_owned()), &mut |_| None);
    assert_eq!(compiled, Err(EvalError::UnknownColumn("dep_delay".to_owned())));
}

#[test]
fn a_column_is_looked_up_once_however_often_it_is_used() {
    let column = || Box::new(Expr::Column("x".to_owned()));
    let sum = Expr::Binary(B::Add, column(), column());
    let asked = std::cell::Cell::new(0);
    let found = evaluate(&sum, &|_| {
        asked.set(asked.get() + 1);
        int(4)
    });
    assert_eq!((found, asked.get()), (Ok(int(8)), 1));
}

fn logical() -> impl Strategy<Value = Value> {
    prop_oneof![Just(NULL), Just(TRUE), Just(FALSE)]
}

fn small() -> impl Strategy<Value = Value> {
    prop_oneof![Just(NULL), (-3_i64..3).prop_map(int), (-3_i32..3).prop_map(|half| float(f64::from(half) / 2.0))]
}

proptest! {
    #[test]
    fn de_morgan_holds_with_nulls(left in logical(), right in logical()) {
        let not = |expr| Expr::Unary(U::Not, Box::new(expr));
        let outside = not(binary(B::And, left.clone(), right.clone()));
        let inside = Expr::Binary(B::Or, Box::new(not(lit(left))), Box::new(not(lit(right))));
        prop_assert_eq!(value(&outside), value(&inside));
    }

    #[test]
    fn membership_is_a_chain_of_equalities(operand in small(), list in proptest::collection::vec(small(), 1..5)) {
        let chain = list.iter().map(|item| binary(B::Equal, operand.clone(), item.clone()));
        let chain = chain.reduce(|left, right| Expr::Binary(B::Or, Box::new(left), Box::new(right)));
        let membership = Expr::In { value: Box::new(lit(operand)), list, negated: false };
        prop_assert_eq!(value(&membership), value(&chain.expect("not empty")));
    }

    #[test]
    fn comparisons_are_consistent(left in small(), right in small()) {
        let compare = |operator| value(&binary(operator, left.clone(), right.clone()));
        if left == NULL || right == NULL {
            prop_assert_eq!(compare(B::Less), NULL);
        } else {
            let held = [B::Less, B::Equal, B::Greater].into_iter().filter(|operator| compare(*operator) == TRUE).count();
            prop_assert_eq!(held, 1);
            let negated = |found: Value| Value::Bool(found == FALSE);
            prop_assert_eq!(compare(B::GreaterOrEqual), negated(compare(B::Less)));
            prop_assert_eq!(compare(B::NotEqual), negated(compare(B::Equal)));
        }
    }

    #[test]
    fn whole_arithmetic_is_exact_or_an_error(left in any::<i64>(), right in any::<i64>()) {
        for (operator, exact) in [
            (B::Add, i128::from(left) + i128::from(right)),
            (B::Subtract, i128::from(left) - i128::from(right)),
            (B::Multiply, i128::from(left) * i128::from(right)),
        ] {
            match i64::try_from(exact) {
                Ok(exact) => prop_assert_eq!(run(&binary(operator, int(left), int(right))), Ok(int(exact))),
                Err(_) => prop_assert!(run(&binary(operator, int(left), int(right))).is_err()),
            }
        }
    }

    #[test]
    fn a_whole_number_survives_a_cast_to_text_and_back(number in any::<i64>()) {
        let there = cast(int(number), T::Str).expect("text");
        prop_assert_eq!(cast(there, T::I64), Ok(int(number)));
    }
}
