//! Artefacts as bytes: exact, stable, and any damage is found.

use crate::support::{artifact, early};
use daybreak_model::{Artifact, Encoding, Error, Estimator};
use daybreak_spec::{BinaryOperator, Expr, Missing, Value};
use proptest::prelude::*;

#[test]
fn an_artefact_comes_back_as_it_was_and_gives_the_same_bytes_again() {
    let written = artifact(Missing::Impute);
    let bytes = written.encode().expect("valid");
    let read = Artifact::decode(&bytes).expect("undamaged");
    assert_eq!(read, written);
    assert_eq!(read.encode().expect("valid"), bytes);
    read.verify().expect("the golden rows hold");
}

#[test]
fn every_flipped_byte_is_found() {
    let bytes = artifact(Missing::Impute).encode().expect("valid");
    for place in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            assert!(Artifact::decode(&damaged).is_err(), "byte {place} flipped by {flip:#x} went unnoticed");
        }
    }
}

#[test]
fn every_truncation_and_anything_appended_is_found() {
    let bytes = artifact(Missing::Impute).encode().expect("valid");
    for length in 0..bytes.len() {
        assert!(Artifact::decode(&bytes[..length]).is_err(), "{length} bytes were taken for the whole");
    }
    let mut longer = bytes;
    longer.push(b' ');
    assert!(matches!(Artifact::decode(&longer), Err(Error::Length { .. })));
}

#[test]
fn something_else_and_a_newer_format_are_named() {
    assert!(matches!(Artifact::decode(b"PK\x03\x04 a zip file, or a pickle"), Err(Error::NotAnArtifact)));
    let mut newer = artifact(Missing::Impute).encode().expect("valid");
    newer[14] = 2;
    let error = Artifact::decode(&newer).expect_err("format 2");
    assert_eq!(
        error.to_string(),
        "artefact format 2 is not supported, this binary reads format 1; train the model again"
    );
}

#[test]
fn unknown_content_is_refused_even_under_a_right_hash() {
    let json = String::from_utf8(artifact(Missing::Impute).encode().expect("valid")[56..].to_vec()).expect("JSON");
    let with_code = json.replacen("{\"format_version\":1", "{\"code\":\"os.system\",\"format_version\":1", 1);
    assert!(matches!(Artifact::decode(&support_container(with_code.as_bytes())), Err(Error::Content(_))));
    assert!(Artifact::decode(&support_container(json.as_bytes())).is_ok(), "the container itself is right");
}

#[test]
fn content_nested_without_end_is_refused_before_it_is_read() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(matches!(Artifact::decode(&support_container(deep.as_bytes())), Err(Error::TooDeep)));
}

/// The container around some content.
fn support_container(payload: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    let mut header = 1_u16.to_le_bytes().to_vec();
    header.extend_from_slice(&u64::try_from(payload.len()).expect("small").to_le_bytes());
    let mut hasher = Sha256::new();
    hasher.update(&header);
    hasher.update(payload);
    [b"DAYBREAK-MODEL".as_slice(), &header, hasher.finalize().as_slice(), payload].concat()
}

/// Makes an artefact unusable.
type Breaking = fn(&mut Artifact);

#[test]
fn parts_that_do_not_fit_together_are_neither_written_nor_read() {
    let broken: [(Breaking, &str); 8] = [
        (|model| set_weights(model, vec![1.0]), "1 weights do not fit a prepared row of 5 numbers"),
        (|model| set_weights(model, vec![f64::NAN; 5]), "a weight is not finite"),
        (|model| drop(model.preparation.columns.pop()), "the prepared columns are not those of the signature"),
        (|model| model.preparation.columns.swap(0, 2), "the prepared columns are not those of the signature"),
        (
            |model| model.preparation.columns[0].encoding = Encoding::Flag { impute: true },
            "column `sched_hour` of type i32 has another type's encoding",
        ),
        (
            |model| model.preparation.columns[0].encoding = Encoding::Numeric { impute: 0.0, mean: 0.0, scale: 0.0 },
            "column `sched_hour` has a mean or scale that is not usable",
        ),
        (
            |model| model.signature.inputs[0].name = "carrier".to_owned(),
            "column `carrier` stands twice in the signature",
        ),
        (
            |model| model.signature.target = daybreak_model::Target::Number,
            "the estimator's answer is not what the signature says",
        ),
    ];
    for (breaking, message) in broken {
        let mut model = artifact(Missing::Impute);
        breaking(&mut model);
        assert_eq!(model.encode().expect_err(message).to_string(), format!("the artefact is not usable: {message}"));
    }
}

fn set_weights(model: &mut Artifact, weights: Vec<f64>) {
    model.estimator = Estimator::Logistic { weights, intercept: 0.0 };
}

#[test]
fn a_golden_row_with_another_answer_stops_a_model_from_going_live() {
    let mut model = artifact(Missing::Impute);
    model.golden[1].expected += 1e-6;
    assert!(matches!(model.verify(), Err(Error::GoldenAnswer { row: 1, .. })));

    let mut model = artifact(Missing::Impute);
    model.golden[0].derived = vec![Value::Bool(false)];
    assert!(matches!(model.verify(), Err(Error::GoldenAnswer { row: 0, .. })));

    let mut model = artifact(Missing::Refuse);
    model.golden[0].raw[2] = Value::Null;
    assert!(matches!(model.verify(), Err(Error::GoldenRow { row: 0, .. })));
}

#[test]
fn a_derived_column_may_not_use_a_later_one_or_one_that_is_not_there() {
    let mut model = artifact(Missing::Impute);
    model.signature.derived[0].expr = Expr::Column("early".to_owned());
    let error = model.encode().expect_err("it refers to itself");
    assert!(matches!(error, Error::Expression { ref column, .. } if column == "early"), "{error}");
}

fn chain(terms: usize) -> Expr {
    let mut tree = early();
    for _ in 1..terms {
        tree = Expr::Binary(BinaryOperator::Or, Box::new(tree), Box::new(early()));
    }
    tree
}

#[test]
fn a_long_chain_of_conditions_fits_a_small_stack_and_an_endless_one_is_refused() {
    let small_stack = std::thread::Builder::new().stack_size(1 << 20).spawn(|| {
        let mut model = artifact(Missing::Impute);
        model.signature.derived[0].expr = chain(190);
        let bytes = model.encode().expect("190 terms are fine");
        Artifact::decode(&bytes).expect("and come back").verify().expect("with the same answers");
        model.signature.derived[0].expr = chain(300);
        assert!(matches!(model.encode(), Err(Error::Expression { .. })));
    });
    small_stack.expect("a thread").join().expect("no overflow");
}

#[test]
fn a_literal_of_an_expression_keeps_its_last_bit() {
    let odd = f64::from_bits(0x3fd5_5555_5555_5557);
    let mut model = artifact(Missing::Impute);
    model.signature.derived[0].expr = Expr::Binary(
        BinaryOperator::Less,
        Box::new(Expr::Column("punctuality__late_share".to_owned())),
        Box::new(Expr::Literal(Value::Float(odd))),
    );
    model.golden.clear();
    let read = Artifact::decode(&model.encode().expect("valid")).expect("undamaged");
    assert_eq!(read, model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Content that somebody changed and hashed again: refused, or a model that answers without a panic.
    #[test]
    fn hostile_content_under_a_right_hash_never_panics(place in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut payload = artifact(Missing::Impute).encode().expect("valid")[56..].to_vec();
        let place = place.index(payload.len());
        payload[place] = byte;
        if let Ok(model) = Artifact::decode(&support_container(&payload)) {
            drop(model.verify());
            let predictor = daybreak_model::Predictor::new(model).expect("it was decoded");
            drop(predictor.predict(&[Value::Null, Value::Null, Value::Null]));
        }
    }
}
