//! A made-up shop of 10,000 customers whose features are known in advance, so that every answer can be checked.

use std::fs::File;
use std::path::Path;

use polars::prelude::{
    DataFrame, DataType, IntoColumn as _, NamedFrom as _, ParquetWriter, Series, TimeUnit, TimeZone,
};

/// Number of customers.
pub const CUSTOMERS: i64 = 10_000;
/// 2025-03-01T02:00Z, the instant of the first build.
pub const FIRST_NIGHT_US: i64 = 1_740_794_400_000_000;

const HOUR_US: i64 = 3_600_000_000;

const PROJECT: &str = r#"
version: 1
name: shop
sources:
  events: { path: data/events.parquet, event_time: at }
  profiles: { path: data/profiles.parquet }
  orders: { path: data/orders.parquet, event_time: at, known_at: { returned: known_at, known_at: known_at } }
entities:
  customer: { keys: [customer] }
feature_views:
  spend:
    entity: customer
    source: events
    aggregates: [{ of: amount, fn: [sum, mean, count], windows: [28d] }]
  last_event: { entity: customer, source: events, latest: [amount, channel] }
  profile: { entity: customer, sql: "SELECT customer, age FROM profiles" }
models:
  returned:
    observations: { source: orders, label: returned, label_known_at: known_at }
    inputs: { price: f64 }
    features: [spend, last_event.amount, profile]
    missing: impute
    algorithm: { name: logistic_regression, l2: 1.0 }
    metrics: [auc]
dags:
  nightly:
    schedule: { cron: "0 2 * * *", timezone: UTC, start: 2100-01-01 }
    tasks:
      features: { kind: build_features, views: [spend, last_event, profile] }
      publish: { kind: materialize, needs: features }
      train: { kind: train, needs: features, model: returned, history: 20d, holdout: 2d }
      judge: { kind: evaluate, needs: train, model: returned, require: ["auc >= 0.0"] }
      promote: { kind: promote, needs: [judge, publish], model: returned }
"#;

/// Amount of a customer's nth event, in quarters so that sums are exact.
fn amount(customer: i64, event: i64) -> f64 {
    ((customer * 37 + event * 101) % 400) as f64 / 4.0
}

/// The features of a customer in the order of the model: spend sum, mean, count, last amount, age.
pub fn features(customer: i64) -> [f64; 5] {
    let amounts: Vec<f64> = (0..EVENTS).map(|event| amount(customer, event)).collect();
    let sum: f64 = amounts.iter().sum();
    [sum, sum / EVENTS as f64, EVENTS as f64, amount(customer, EVENTS - 1), (18 + customer % 60) as f64]
}

const EVENTS: i64 = 4;
/// When they happened, hours before the first night.
const HOURS_AGO: [i64; EVENTS as usize] = [27 * 24, 20 * 24, 10 * 24, 4];

/// Writes the project to an empty folder.
pub fn write(folder: &Path) {
    std::fs::create_dir_all(folder.join("data")).expect("a folder");
    std::fs::write(folder.join("daybreak.yaml"), PROJECT).expect("a project");
    let pairs: Vec<(i64, i64)> =
        (0..EVENTS).flat_map(|event| (0..CUSTOMERS).map(move |customer| (customer, event))).collect();
    let at = |(customer, event): &(i64, i64)| FIRST_NIGHT_US - HOURS_AGO[*event as usize] * HOUR_US - customer * 1_000;
    let channel = |(customer, _): &(i64, i64)| if customer % 2 == 0 { "web" } else { "shop" };
    parquet(
        folder.join("data/events.parquet"),
        vec![
            Series::new("customer".into(), pairs.iter().map(|(customer, _)| *customer).collect::<Vec<_>>()),
            instants("at", pairs.iter().map(at).collect()),
            Series::new(
                "amount".into(),
                pairs.iter().map(|(customer, event)| amount(*customer, *event)).collect::<Vec<_>>(),
            ),
            Series::new("channel".into(), pairs.iter().map(channel).collect::<Vec<_>>()),
        ],
    );
    let customers: Vec<i64> = (0..CUSTOMERS).collect();
    parquet(
        folder.join("data/profiles.parquet"),
        vec![
            Series::new("customer".into(), customers.clone()),
            Series::new("age".into(), customers.iter().map(|customer| 18 + customer % 60).collect::<Vec<_>>()),
        ],
    );
    orders(folder);
}

/// Four orders a minute for twenty days up to a day after the first night; a third come back, known an hour later.
fn orders(folder: &Path) {
    let count = 20 * 24 * 60;
    let at: Vec<i64> = (0..count).map(|order| FIRST_NIGHT_US + 24 * HOUR_US - (count - order) * HOUR_US / 60).collect();
    let price = |order: i64| ((order * 7_919) % 500) as f64 / 2.0;
    let orders: Vec<i64> = (0..count).collect();
    let columns = vec![
        Series::new("customer".into(), orders.iter().map(|order| (order * 13) % CUSTOMERS).collect::<Vec<_>>()),
        instants("known_at", at.iter().map(|at| at + HOUR_US).collect()),
        instants("at", at),
        Series::new("price".into(), orders.iter().map(|order| price(*order)).collect::<Vec<_>>()),
        Series::new(
            "returned".into(),
            orders.iter().map(|order| price(*order) > 160.0 || order % 5 == 0).collect::<Vec<_>>(),
        ),
    ];
    parquet(folder.join("data/orders.parquet"), columns);
}

fn instants(name: &str, micros: Vec<i64>) -> Series {
    let kind = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
    Series::new(name.into(), micros).cast(&kind).expect("microseconds are instants")
}

fn parquet(path: std::path::PathBuf, columns: Vec<Series>) {
    let mut frame = DataFrame::new_infer_height(columns.into_iter().map(|column| column.into_column()).collect())
        .expect("columns of one length");
    let file = File::create(path).expect("a file");
    ParquetWriter::new(file).finish(&mut frame).expect("a written file");
}
