//! Metrics against definitions written out plainly.

use daybreak_model::{auc, brier, compute, log_loss, r2, rmse};
use daybreak_spec::Metric;
use proptest::prelude::*;

/// All pairs of a true and a false row, one by one.
fn auc_by_pairs(labels: &[f64], scores: &[f64]) -> Option<f64> {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (left, left_score) in labels.iter().zip(scores) {
        for (right, right_score) in labels.iter().zip(scores) {
            if *left == 1.0 && *right == 0.0 {
                pairs += 1.0;
                wins +=
                    if left_score > right_score { 1.0 } else { f64::from(u8::from(left_score == right_score)) / 2.0 };
            }
        }
    }
    (pairs > 0.0).then(|| wins / pairs)
}

fn rows() -> impl Strategy<Value = Vec<(bool, u8)>> {
    proptest::collection::vec((any::<bool>(), 0_u8..8), 0..60)
}

proptest! {
    #[test]
    fn auc_counts_pairs_with_ties_as_half(rows in rows()) {
        let labels: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.0))).collect();
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 7.0).collect();
        let (found, expected) = (auc(&labels, &scores), auc_by_pairs(&labels, &scores));
        prop_assert_eq!(found.is_some(), expected.is_some());
        if let (Some(found), Some(expected)) = (found, expected) {
            prop_assert!((found - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn auc_does_not_depend_on_the_order_of_rows_to_the_last_bit(rows in rows(), turn in 0_usize..60) {
        let split = |rows: &[(bool, u8)]| -> (Vec<f64>, Vec<f64>) {
            rows.iter().map(|row| (f64::from(u8::from(row.0)), f64::from(row.1) / 3.0)).unzip()
        };
        let mut turned = rows.clone();
        turned.rotate_left(turn % rows.len().max(1));
        turned.reverse();
        let (labels, scores) = split(&rows);
        let (turned_labels, turned_scores) = split(&turned);
        prop_assert_eq!(auc(&labels, &scores), auc(&turned_labels, &turned_scores));
    }

    #[test]
    fn swapping_classes_and_scores_keeps_auc(rows in rows()) {
        let labels: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row.0))).collect();
        let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1)).collect();
        let other_labels: Vec<f64> = labels.iter().map(|label| 1.0 - label).collect();
        let other_scores: Vec<f64> = scores.iter().map(|score| -score).collect();
        prop_assert_eq!(auc(&labels, &scores), auc(&other_labels, &other_scores));
    }

    #[test]
    fn a_constant_prediction_has_auc_half_and_r2_of_the_mean_is_zero(labels in proptest::collection::vec(0_u8..2, 2..40)) {
        let labels: Vec<f64> = labels.into_iter().map(f64::from).collect();
        let constant = vec![0.5; labels.len()];
        if let Some(area) = auc(&labels, &constant) {
            prop_assert_eq!(area, 0.5);
            let mean = labels.iter().sum::<f64>() / labels.len() as f64;
            prop_assert!(r2(&labels, &vec![mean; labels.len()]).expect("labels vary").abs() < 1e-12);
        }
    }
}

#[test]
fn known_values() {
    let (labels, scores) = ([0.0, 0.0, 1.0, 1.0], [0.1, 0.4, 0.35, 0.8]);
    assert_eq!(auc(&labels, &scores), Some(0.75));
    assert!((brier(&labels, &scores).expect("defined") - 0.158_125).abs() < 1e-15);
    let expected = -(0.9_f64.ln() + 0.6_f64.ln() + 0.35_f64.ln() + 0.8_f64.ln()) / 4.0;
    assert!((log_loss(&labels, &scores).expect("defined") - expected).abs() < 1e-15);
    assert_eq!(rmse(&[3.0, 0.0], &[0.0, 4.0]), Some(12.5_f64.sqrt()));
    assert_eq!(r2(&[3.0, -0.5, 2.0, 7.0], &[2.5, 0.0, 2.0, 8.0]).map(|found| (found * 1e6).round()), Some(948_608.0));
}

#[test]
fn a_certain_and_wrong_prediction_is_clipped() {
    let worst = log_loss(&[1.0], &[0.0]).expect("defined");
    assert!((worst - -(1e-15_f64.ln())).abs() < 1e-9, "{worst}");
    assert!(log_loss(&[0.0], &[1.0]).expect("defined").is_finite());
}

#[test]
fn what_is_not_defined_has_no_value() {
    for metric in [Metric::Auc, Metric::LogLoss, Metric::Brier, Metric::Rmse, Metric::R2] {
        assert_eq!(compute(metric, &[], &[]), None);
        assert_eq!(compute(metric, &[0.0, 1.0], &[0.5, f64::NAN]), None);
        assert_eq!(compute(metric, &[0.0, 1.0], &[0.5]), None);
    }
    assert_eq!(auc(&[1.0, 1.0], &[0.2, 0.3]), None);
    assert_eq!(r2(&[2.0, 2.0], &[1.0, 3.0]), None);
}
