//! An endpoint on a free port with features in its store, a registry that the test moves, and models whose answers can
//! be computed by hand.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use daybreak_artifacts::Artifacts;
use daybreak_features::{FeatureRow, Generation};
use daybreak_model::{
    Artifact, Baseline, DerivedField, Dropped, Encoding, Estimator, FORMAT_VERSION, FeatureField, GoldenRow,
    InputField, Predictor, Preparation, PreparedColumn, Signature, Target, TrainingFacts,
};
use daybreak_protocol::{
    Assignment, BuildRecord, Clock, Error, Heartbeat, HeartbeatReply, Key, Keys, Live, LiveModel, MintPublication,
    ModelVersionRecord, NewModelVersion, Orchestrator, Poll, Register, Registration, Report, Role, mint_token,
    token_hash,
};
use daybreak_serving::{Serving, ServingConfig};
use daybreak_spec::{BinaryOperator, ColumnType, Expr, Missing, Name, Timestamp, Value};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub const TOKEN: &str = "a-token-for-tests";
const DAY_US: i64 = 86_400_000_000;
const DAY_ZERO: Timestamp = Timestamp::from_micros(1_356_998_400_000_000);
static NEXT_RANDOM: AtomicU64 = AtomicU64::new(1);

pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a slug")
}

pub fn day(number: i64) -> Timestamp {
    DAY_ZERO.plus_micros(number * DAY_US)
}

pub fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// The registry, moved by the test.
pub struct Registry {
    live: watch::Sender<Live>,
    away: AtomicBool,
}

impl Registry {
    pub fn change(&self, change: impl FnOnce(&mut Live)) {
        self.live.send_modify(|live| {
            change(live);
            live.cursor += 1;
        });
    }

    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
        self.live.send_modify(|_| {});
    }

    fn nothing<T>() -> Result<T, Error> {
        Err(Error::NotFound("serving asks for the live state only".to_owned()))
    }
}

#[async_trait]
impl Orchestrator for Registry {
    async fn live(&self, after: i64, wait_ms: u64) -> Result<Live, Error> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Error::Unavailable { url: "http://nowhere".to_owned(), detail: "away".to_owned() });
        }
        let mut live = self.live.subscribe();
        let news = live.wait_for(|live| live.cursor > after || self.away.load(Ordering::SeqCst));
        drop(tokio::time::timeout(Duration::from_millis(wait_ms), news).await);
        Ok(self.live.borrow().clone())
    }
    async fn register(&self, _: Register) -> Result<Registration, Error> {
        Self::nothing()
    }
    async fn poll(&self, _: Poll) -> Result<Vec<Assignment>, Error> {
        Self::nothing()
    }
    async fn heartbeat(&self, _: Heartbeat) -> Result<HeartbeatReply, Error> {
        Self::nothing()
    }
    async fn report(&self, _: Report) -> Result<(), Error> {
        Self::nothing()
    }
    async fn builds(&self, _: &Name, _: Timestamp, _: Timestamp) -> Result<Vec<BuildRecord>, Error> {
        Self::nothing()
    }
    async fn model_version(&self, _: &Name, _: u32) -> Result<ModelVersionRecord, Error> {
        Self::nothing()
    }
    async fn alias(&self, _: &Name, _: &str) -> Result<Option<ModelVersionRecord>, Error> {
        Self::nothing()
    }
    async fn mint_publication(&self, _: MintPublication) -> Result<i64, Error> {
        Self::nothing()
    }
}

/// The token of a role; [`TOKEN`] is the project's own.
pub fn token_of(role: Role) -> String {
    mint_token(&format!("ID{}", role.as_str()), || 7)
}

/// A ring with a token of each role.
fn keys(clock: &Clock) -> Keys {
    let keys = Keys::new(TOKEN, clock.clone());
    let key = |role: Role| Key {
        id: format!("ID{}", role.as_str()),
        name: role.as_str().to_owned(),
        role,
        hash: token_hash(&token_of(role)),
        expires_at: day(2_000),
    };
    keys.replace(Role::ALL.into_iter().map(key).collect());
    keys
}

/// A running endpoint.
pub struct Endpoint {
    pub serving: Serving,
    pub registry: Arc<Registry>,
    pub artifacts: Artifacts,
    pub clock: Clock,
    pub url: String,
    pub client: reqwest::Client,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Endpoint {
    /// On the first day, with nothing declared.
    pub async fn start(folder: &TempDir) -> Self {
        let (live, _) = watch::channel(Live::default());
        Self::start_with(folder, Arc::new(Registry { live, away: AtomicBool::new(false) })).await
    }

    pub async fn start_with(folder: &TempDir, registry: Arc<Registry>) -> Self {
        let clock = Clock::simulated(|| day(1_000), day(1));
        let serving = Serving::open(ServingConfig {
            predictions: Default::default(),
            data_dir: folder.path().to_owned(),
            keys: keys(&clock),
            clock: clock.clone(),
            keep_copies: true,
            random: || u128::from(NEXT_RANDOM.fetch_add(1, Ordering::SeqCst)),
            on_fatal: |what| panic!("{what}"),
        })
        .expect("opens");
        let artifacts = Artifacts::local(&folder.path().join("artifacts")).expect("opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = watch::channel(false);
        let (router, mut told) = (serving.router(), stopped.clone());
        let server = tokio::spawn(async move {
            let graceful = async move { drop(told.wait_for(|stop| *stop).await) };
            axum::serve(listener, router).with_graceful_shutdown(graceful).await.expect("serves");
        });
        let (follower, orchestrator, objects) = (serving.clone(), registry.clone(), artifacts.clone());
        let follower = tokio::spawn(async move { follower.run(orchestrator, objects, stopped).await });
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { serving, registry, artifacts, clock, url, client, stop, tasks: vec![server, follower] }
    }

    /// With features of the first day and version 1 of `delay` live.
    pub async fn start_live(folder: &TempDir) -> Self {
        let endpoint = Self::start(folder).await;
        endpoint.publish_all(1);
        endpoint.promote(1, &model(1.0, Missing::Impute)).await;
        endpoint
    }

    pub async fn stop(self) -> Arc<Registry> {
        self.stop.send(true).expect("somebody listens");
        drop((self.client, self.serving));
        for task in self.tasks {
            task.await.expect("ends");
        }
        self.registry
    }

    /// Publishes all views as of a day.
    pub fn publish_all(&self, number: i64) {
        for (generation, rows) in generations(number) {
            self.serving.online().publish(generation, &mut rows.into_iter()).expect("publishes");
        }
    }

    /// Makes an artefact the champion and waits until it answers.
    pub async fn promote(&self, version: u32, artifact: &Artifact) {
        let bytes = artifact.encode().expect("encodes");
        self.point_at(version, bytes).await;
        let wanted = (artifact.signature.model.clone(), version);
        self.until(|endpoint| endpoint.serving.live_versions().contains(&wanted)).await;
    }

    /// Points the champion at some bytes.
    pub async fn point_at(&self, version: u32, bytes: Vec<u8>) {
        let object = self.artifacts.put(Bytes::from(bytes)).await.expect("stores");
        self.registry.change(|live| {
            live.models = vec![name("delay")];
            live.live = vec![champion(version, object)];
        });
    }

    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                tokio::task::yield_now().await;
            }
        };
        within(waiting).await;
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}{path}", self.url)).bearer_auth(TOKEN)
    }

    pub async fn get(&self, path: &str) -> (u16, Json) {
        let request = self.client.get(format!("{}{path}", self.url)).bearer_auth(TOKEN);
        read(request.send().await.expect("an answer")).await
    }

    pub async fn predict(&self, body: &Json) -> (u16, Json) {
        read(self.post("/v1/models/delay/predict").json(body).send().await.expect("an answer")).await
    }
}

/// What has to happen soon.
pub async fn within(waiting: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("comes to hold");
}

pub async fn read(response: Response) -> (u16, Json) {
    let (status, path) = (response.status(), response.url().path().to_owned());
    let kind = response.headers()["content-type"].to_str().expect("text").to_owned();
    if status.as_u16() >= 400 {
        assert_eq!(kind, "application/problem+json");
    }
    let body = response.json().await.expect("JSON");
    crate::document::expect_documented(&path, status, &kind, &body);
    (status.as_u16(), body)
}

pub fn champion(version: u32, object: String) -> LiveModel {
    let content = NewModelVersion {
        model: name("delay"),
        object,
        as_of: day(1),
        fit_from: day(0),
        fit_to: day(1),
        rows: 100,
        metrics: BTreeMap::from([("auc".to_owned(), 0.7)]),
    };
    let version = ModelVersionRecord { version, run_id: "01JRUN".to_owned(), content };
    LiveModel { alias: "champion".to_owned(), version }
}

/// A row that everything is known about on day 1.
pub fn row() -> Json {
    json!({ "carrier": "UA", "origin": "JFK", "dest": "LAX", "distance": 2_475 })
}

/// What `model(bias, _)` answers to `row()` with the features of a day.
pub fn expected(bias: f64, number: i64) -> f64 {
    let sum = bias + 0.001 * 2_475.0 + 0.2 + number as f64 + 0.01 * 20.0 + 0.02 * 10.0 + 0.001 * 300.0 + 0.5;
    1.0 / (1.0 + (-sum).exp())
}

fn generation(view: &str, number: i64, key: &[&str], features: &[(&str, ColumnType)]) -> Generation {
    Generation {
        view: name(view),
        as_of: day(number),
        publication: number,
        key_names: key.iter().map(|key| (*key).to_owned()).collect(),
        key_types: vec![ColumnType::Str; key.len()],
        feature_names: features.iter().map(|(name, _)| (*name).to_owned()).collect(),
        feature_types: features.iter().map(|(_, column_type)| *column_type).collect(),
        ttl_us: Some(3 * DAY_US),
        ttl_from_event: false,
        rows: 0,
    }
}

/// `late_share` is the day's number.
pub fn generations(number: i64) -> Vec<(Generation, Vec<FeatureRow>)> {
    let row = |keys: &[&str], values: Vec<Value>| FeatureRow {
        keys: keys.iter().map(|key| text(key)).collect(),
        values,
        event_time_us: None,
    };
    let float = Value::Float;
    let carriers = vec![row(&["UA"], vec![float(number as f64)]), row(&["B6"], vec![Value::Null])];
    let airports = vec![
        row(&["JFK"], vec![float(1.5), float(20.0)]),
        row(&["LAX"], vec![float(10.0), float(30.0)]),
        row(&["EWR"], vec![float(2.5), float(25.0)]),
    ];
    let f64s = ColumnType::F64;
    let mut all = vec![
        (generation("carrier_punctuality", number, &["carrier"], &[("late_share", f64s)]), carriers),
        (generation("airport_weather", number, &["origin"], &[("visib", f64s), ("temp", f64s)]), airports),
        (generation("network", number, &[], &[("flights", ColumnType::I64)]), vec![row(&[], vec![Value::Int(300)])]),
    ];
    for (generation, rows) in &mut all {
        generation.rows = rows.len() as u64;
    }
    all
}

fn feature(role: &str, view: &str, feature: &str, keys: &[(&str, &str)], missing: Missing) -> FeatureField {
    let column_type = if feature == "flights" { ColumnType::I64 } else { ColumnType::F64 };
    FeatureField {
        name: format!("{role}__{feature}"),
        role: name(role),
        view: name(view),
        feature: feature.to_owned(),
        column_type,
        keys: keys.iter().map(|(key, column)| ((*key).to_owned(), (*column).to_owned())).collect(),
        missing,
        ttl_us: Some(3 * DAY_US),
    }
}

fn signature(missing: Missing) -> Signature {
    let field = |name: &str, column_type| InputField { name: name.to_owned(), column_type };
    let far = Expr::Binary(
        BinaryOperator::Greater,
        Box::new(Expr::Column("distance".to_owned())),
        Box::new(Expr::Literal(Value::Int(1_000))),
    );
    let airport = |role, picked, column| feature(role, "airport_weather", picked, &[("origin", column)], missing);
    Signature {
        model: name("delay"),
        entity_keys: ["carrier", "origin", "dest"].map(|key| field(key, ColumnType::Str)).to_vec(),
        inputs: vec![field("distance", ColumnType::I32), field("carrier", ColumnType::Str)],
        features: vec![
            feature("carrier_punctuality", "carrier_punctuality", "late_share", &[("carrier", "carrier")], missing),
            airport("airport_weather", "temp", "origin"),
            airport("dest_weather", "visib", "dest"),
            feature("network", "network", "flights", &[], missing),
        ],
        derived: vec![DerivedField { name: "far".to_owned(), expr: far }],
        missing,
        target: Target::Probability,
    }
}

/// P = logistic(bias + 0.001 distance + 0.1 AA + 0.2 UA + late_share + 0.01 temp + 0.02 visib + 0.001 flights + 0.5 far).
pub fn model(bias: f64, missing: Missing) -> Artifact {
    let numeric = |impute| Encoding::Numeric { impute, mean: 0.0, scale: 1.0 };
    let categories = vec!["AA".to_owned(), "UA".to_owned()];
    let encodings = [
        numeric(500.0),
        Encoding::OneHot { categories, impute: Some("UA".to_owned()) },
        numeric(0.25),
        numeric(15.0),
        numeric(9.0),
        numeric(200.0),
        Encoding::Flag { impute: false },
    ];
    let signature = signature(missing);
    let columns = signature.columns().zip(encodings);
    let columns = columns.map(|(name, encoding)| PreparedColumn { name: name.to_owned(), encoding }).collect();
    let weights = vec![0.001, 0.1, 0.2, 1.0, 0.01, 0.02, 0.001, 0.5];
    let training =
        TrainingFacts { as_of: day(1), fit_from: day(0), fit_to: day(1), rows: 100, dropped: Dropped::default() };
    let artifact = Artifact {
        format_version: FORMAT_VERSION,
        signature,
        preparation: Preparation { columns },
        estimator: Estimator::Logistic { weights, intercept: bias },
        metrics: BTreeMap::new(),
        training,
        baseline: Baseline { label_mean: 0.5, columns: Vec::new() },
        golden: Vec::new(),
    };
    with_golden_row(artifact)
}

fn with_golden_row(artifact: Artifact) -> Artifact {
    let float = Value::Float;
    let raw = vec![Value::Int(700), text("AA"), float(0.5), float(1.0), float(2.0), Value::Int(3)];
    let predictor = Predictor::new(artifact.clone()).expect("compiles");
    let (derived, prediction) = predictor.predict_traced(&raw).expect("predicts");
    Artifact { golden: vec![GoldenRow { raw, derived, expected: prediction.value }], ..artifact }
}
