//! `training-set`: the rows of a `train` task as a file.

use daybreak_spec::Duration;
use daybreak_tasks::{TrainingSetRequest, training_set};

use crate::shop::{DAY_US, Shop, name, night};

fn request(history: Option<&str>) -> TrainingSetRequest {
    TrainingSetRequest {
        model: name("lateness"),
        at: night(30),
        history: history.map(|text| Duration::parse(text).expect("a duration")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exported_rows_are_those_that_train_fits_and_holds_out() {
    let mut shop = Shop::new();
    let file = training_set(&shop.stores(), &request(None)).await.expect("exported");
    assert_eq!(file.frame.to.micros - file.frame.from.micros, 25 * DAY_US);
    shop.run("features", night(30)).await.expect("built");
    let trained = shop.run("train", night(30)).await.expect("trained");
    let fit_to = trained.model_version.expect("a version").fit_to;
    let fitted = file.frame.times_us.iter().filter(|time| **time < fit_to.micros).count();
    assert_eq!(trained.outputs["rows"], serde_json::json!(fitted));
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_on_the_fly_and_recorded_ones_give_the_same_bytes() {
    let mut shop = Shop::new();
    let before = training_set(&shop.stores(), &request(None)).await.expect("exported");
    assert!(before.builds_made > 0);
    assert!(shop.memory.all_builds().is_empty(), "nothing is recorded");
    shop.run("features", night(30)).await.expect("built");
    let after = training_set(&shop.stores(), &request(None)).await.expect("exported");
    assert_eq!(after.builds_made, 0);
    assert_eq!(before.parquet, after.parquet);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_come_later_change_no_byte() {
    let shop = Shop::new();
    let before = training_set(&shop.stores(), &request(None)).await.expect("exported");
    shop.add_orders(60..70);
    let after = training_set(&shop.stores(), &request(None)).await.expect("exported");
    assert_eq!(before.parquet, after.parquet);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_of_another_length_can_be_asked_for() {
    let shop = Shop::new();
    let file = training_set(&shop.stores(), &request(Some("10d"))).await.expect("exported");
    assert_eq!(file.frame.from.micros, night(20).micros);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_is_refused() {
    let shop = Shop::new();
    let wrong = TrainingSetRequest { model: name("latenes"), ..request(None) };
    let error = training_set(&shop.stores(), &wrong).await.expect_err("unknown");
    assert!(error.reason.contains("no model `latenes`"), "{error}");
}
