//! The kinds of task at work on a small project, without a server: what they make, reuse, refuse and report.

mod refusals;
mod shop;
mod training_sets;

use std::collections::BTreeSet;

use daybreak_features::OnlineStore as _;
use daybreak_features::embedded::EmbeddedStore;
use daybreak_spec::{Timestamp, Value};
use serde_json::json;

use crate::shop::{DAY_US, Shop, name, night};

#[tokio::test(flavor = "multi_thread")]
async fn a_night_builds_publishes_trains_judges_and_promotes() {
    let mut shop = Shop::new();
    let night = shop.run_night(night(30)).await;
    assert_eq!(night["judge"].outputs["passed"], json!(true), "{:?}", night["judge"].outputs);
    assert_eq!(night["judge"].outputs["version"], json!(1));
    let promoted = night["promote"].alias_move.as_ref().expect("a move");
    assert_eq!((promoted.alias.as_str(), promoted.version), ("champion", 1));
    let version = night["train"].model_version.as_ref().expect("a version");
    assert_eq!(version.metrics.keys().map(String::as_str).collect::<Vec<_>>(), ["auc", "log_loss"]);
    assert_eq!(version.fit_to.micros - version.fit_from.micros, 20 * DAY_US);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_night_builds_the_history_of_its_models_and_the_next_one_only_itself() {
    let mut shop = Shop::new();
    let first = shop.run("features", night(30)).await.expect("built");
    // Observations begin at 03:00 on day 5, which the build of that very instant answers.
    let instants: BTreeSet<Timestamp> =
        first.builds.iter().filter(|build| build.view == name("item_lateness")).map(|build| build.as_of).collect();
    assert_eq!(instants, (5..=30).map(night).collect());
    let second = shop.run("features", night(31)).await.expect("built");
    assert_eq!(second.builds.len(), 2, "one per view");
    assert!(second.builds.iter().all(|build| build.as_of == night(31)));
}

#[tokio::test(flavor = "multi_thread")]
async fn builds_made_for_a_history_are_those_of_their_own_nights() {
    let mut early = Shop::new();
    early.run("features", night(20)).await.expect("built");
    let mut late = Shop::new();
    late.run("features", night(30)).await.expect("built");
    let at_20 = |shop: &Shop| -> Vec<_> {
        shop.memory.all_builds().into_iter().filter(|build| build.as_of == night(20)).collect()
    };
    assert_eq!(at_20(&early), at_20(&late));
    assert_eq!(at_20(&early).len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_night_run_twice_reuses_its_builds() {
    let mut shop = Shop::new();
    shop.run("features", night(30)).await.expect("built");
    let again = shop.run("features", night(30)).await.expect("built");
    assert!(again.builds.is_empty());
    assert_eq!(again.outputs["reused"], json!(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_build_is_made_again_with_the_same_bytes() {
    let mut shop = Shop::new();
    let first = shop.run("features", night(30)).await.expect("built");
    let at_t = first.builds.iter().find(|build| build.as_of == night(30)).expect("a build");
    std::fs::write(shop.object(&at_t.object), b"damaged").expect("written");
    let again = shop.run("features", night(30)).await.expect("built");
    assert_eq!(again.builds.as_slice(), std::slice::from_ref(at_t));
    assert!(shop.artifacts.get(&at_t.object).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn training_mends_a_build_that_has_gone_and_gives_the_same_artefact() {
    let mut shop = Shop::new();
    shop.run("features", night(30)).await.expect("built");
    let before = shop.attempt("train", night(30)).await.expect("trained");
    for build in shop.memory.all_builds().iter().take(4) {
        let _ = std::fs::remove_file(shop.object(&build.object));
    }
    let after = shop.attempt("train", night(30)).await.expect("trained");
    assert_eq!(before.model_version, after.model_version);
    assert!(!after.builds.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_data_cannot_fill_is_reported() {
    let mut shop = Shop::new();
    let night = shop.run("features", night(12)).await.expect("built");
    let unfillable = night.outputs["unfillable"].as_u64().expect("a count");
    assert!(unfillable > 0, "{:?}", night.outputs);
    assert_eq!(night.outputs["empty"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn published_rows_are_those_of_the_build_and_an_older_night_does_not_replace_them() {
    let mut shop = Shop::new();
    shop.run("features", night(30)).await.expect("built");
    let published = shop.run("publish", night(30)).await.expect("published");
    assert_eq!(published.outputs["views"]["item_lateness"]["rows"], json!(3));
    let digest = published.outputs["views"]["item_lateness"]["digest"].clone();
    shop.run("features", night(20)).await.expect("built");
    let older = shop.run("publish", night(20)).await.expect("a normal end");
    assert_eq!(older.outputs["views"]["item_lateness"]["superseded_by"], json!(night(30)));
    let online = EmbeddedStore::open(&shop.data_dir().join("online")).expect("opens");
    let view = name("item_lateness");
    assert_eq!(json!(online.digest(&view).expect("a digest")), digest);
    let tea = online.get(&view, &[Value::Text("tea".into())], night(30)).expect("an answer");
    assert_eq!(tea.as_of, Some(night(30)));
    assert_eq!(tea.values[1], Value::Int(28));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_says_no_is_a_result() {
    let mut shop = Shop::changed("auc >= 0.5", "auc >= 0.9999");
    shop.run("features", night(30)).await.expect("built");
    shop.run("train", night(30)).await.expect("trained");
    let judged = shop.run("judge", night(30)).await.expect("a result");
    assert_eq!(judged.outputs["passed"], json!(false));
    let reason = judged.outputs["reason"].as_str().expect("a reason");
    assert!(reason.contains("`auc >= 0.9999` does not hold"), "{reason}");
    assert!(shop.run("promote", night(30)).await.expect_err("refused").reason.contains("did not let"));
}

#[tokio::test(flavor = "multi_thread")]
async fn candidate_and_champion_are_scored_on_the_same_rows() {
    let mut shop = Shop::new();
    shop.run_night(night(30)).await;
    let next = shop.run_night(night(31)).await;
    assert_eq!(next["judge"].outputs["champion_version"], json!(1));
    assert!(next["judge"].outputs["champion_metrics"]["auc"].is_number());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_champion_was_fitted_on_are_not_scored() {
    let mut shop = Shop::new();
    shop.run_night(night(40)).await;
    // A backfill: the champion of day 40 was fitted on days 15 to 35, so of days 25 to 30 nothing is left.
    let earlier = {
        shop.run("features", night(30)).await.expect("built");
        shop.run("train", night(30)).await.expect("trained");
        shop.run("judge", night(30)).await.expect("a result")
    };
    assert_eq!(earlier.outputs["passed"], json!(false), "{:?}", earlier.outputs);
    assert_eq!(earlier.outputs["rows"], json!(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_champion_of_another_declaration_does_not_stop_its_successor() {
    let mut shop = Shop::new();
    shop.run_night(night(30)).await;
    shop.redeclare("    inputs: { amount: f64 }\n    derived: { big: \"amount > 5\" }\n", "");
    let next = shop.run_night(night(31)).await;
    assert_eq!(next["judge"].outputs["passed"], json!(true));
    let unfit = next["judge"].outputs["champion_unfit"].as_str().expect("a reason");
    assert!(unfit.contains("no column `amount`"), "{unfit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_that_is_declared_anew_is_built_anew() {
    let mut shop = Shop::new();
    shop.run("features", night(30)).await.expect("built");
    shop.redeclare("as: late_share, fn: mean, windows: [7d]", "as: late_share, fn: mean, windows: [7d, 14d]");
    let again = shop.run("features", night(30)).await.expect("built");
    assert!(again.builds.iter().all(|build| build.view == name("item_lateness")), "item_facts is what it was");
    assert_eq!(again.builds.len(), 26);
}
