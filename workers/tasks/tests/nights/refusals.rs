//! Input that a task refuses: the reason says what to do, nothing is left behind.

use crate::shop::{Shop, night};

#[tokio::test(flavor = "multi_thread")]
async fn too_short_a_history_fails_with_what_to_do() {
    let mut shop = Shop::changed("min_history: 5d", "min_history: 15d");
    shop.run("features", night(12)).await.expect("built");
    let error = shop.attempt("train", night(12)).await.expect_err("too short");
    assert!(error.reason.contains("less than `min_history: 15d`"), "{error}");
    assert!(!error.retry);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_with_one_class_fails_by_name() {
    let mut shop = Shop::labelled(|_, _| false);
    shop.run("features", night(30)).await.expect("built");
    let error = shop.attempt("train", night(30)).await.expect_err("one class");
    assert!(error.reason.contains("label is false in all"), "{error}");
    assert_eq!(error.cause, "bad_input");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_observation_at_all_fails_with_the_period() {
    let mut shop = Shop::new();
    shop.run("features", night(30)).await.expect("built");
    let error = shop.attempt("train", night(400)).await.expect_err("no rows");
    assert!(error.reason.contains("has no observation from"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_for_which_no_source_holds_a_row_fails() {
    let shop = Shop::changed(
        "    tasks:\n      features: { kind: build_features }",
        "    tasks:\n      features: { kind: build_features, views: item_lateness }",
    );
    let error = shop.attempt("features", night(400)).await.expect_err("empty");
    assert!(error.reason.contains("every view is empty (item_lateness)"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_fails_and_says_which() {
    let shop = Shop::new();
    std::fs::remove_file(shop.root().join("data/goods.parquet")).expect("removed");
    let error = shop.attempt("features", night(30)).await.expect_err("missing");
    assert!(error.reason.contains("goods.parquet"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_file_fails_and_says_which() {
    let shop = Shop::new();
    std::fs::write(shop.root().join("data/orders-1.parquet"), b"PAR1 nothing").expect("written");
    let error = shop.attempt("features", night(30)).await.expect_err("corrupt");
    assert!(error.reason.contains("orders-1.parquet"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn publishing_without_a_build_fails() {
    let shop = Shop::changed(
        "publish: { kind: materialize, needs: features }",
        "publish: { kind: materialize, needs: features, views: [item_facts] }",
    );
    let error = shop.attempt("publish", night(30)).await.expect_err("no build");
    assert!(error.reason.contains("view `item_facts` has no build at"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn judging_without_a_trained_version_fails() {
    let shop = Shop::new();
    let error = shop.attempt("judge", night(30)).await.expect_err("no version");
    assert!(error.reason.contains("stands on no task of kind `train`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_trained_on_everything_cannot_be_judged() {
    let mut shop = Shop::changed(", holdout: 5d", "");
    shop.run("features", night(30)).await.expect("built");
    shop.run("train", night(30)).await.expect("trained");
    let error = shop.attempt("judge", night(30)).await.expect_err("no holdout");
    assert!(error.reason.contains("give it a `holdout`"), "{error}");
}
