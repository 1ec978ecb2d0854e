//! `bench predict`: one row, three views fetched, 10,000 distinct keys with every value checked, beside an axum echo; then
//! the same under load while nights run on the same cores, and while a new version is promoted each second.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use daybreak_spec::Value;
use serde_json::{Map, Value as Json, json};

use crate::load::{Load, Measured, Target, send};
use crate::report::Case;
use crate::shop;

const CONCURRENCY: usize = 8;

/// Measures all cases.
pub async fn run() -> Vec<Case> {
    let folder = tempfile::tempdir().expect("a private folder");
    shop::write(folder.path());
    let server = Up::start(folder.path(), &[]);
    night(folder.path(), 0);
    let bodies: Arc<Vec<String>> = Arc::new(
        (0..shop::CUSTOMERS).map(|customer| json!({"customer": customer, "price": 100.5}).to_string()).collect(),
    );
    let load = |requests, seconds| Load {
        bodies: bodies.clone(),
        concurrency: CONCURRENCY,
        requests,
        at_most: Duration::from_secs(seconds),
    };
    wait_live(&server.target).await;
    send(&server.target, &load(20_000, 30)).await;
    let mut quiet = send(&server.target, &load(100_000, 60)).await;
    let wrong = check_values(folder.path(), &quiet);
    let mut floor = echo_floor(&load(100_000, 60)).await;
    let mut cases = vec![
        case("one_row_three_views_p50", quiet.percentile_ms(0.5), floor.percentile_ms(0.5), &quiet),
        case("one_row_three_views_p99", quiet.percentile_ms(0.99), floor.percentile_ms(0.99), &quiet),
    ];
    cases[1].more.insert("wrong_values".into(), json!(wrong));
    cases[1].more.insert("checked_keys".into(), json!(quiet.answers.len()));
    let floor_p99 = floor.percentile_ms(0.99);
    let (mut busy, nights) = under_nights(
        &server.target,
        folder.path(),
        &load(usize::MAX, 30),
        Pace { first_minute: 1, apart: Duration::ZERO },
    )
    .await;
    cases.push(case("while_nights_run_p99", busy.percentile_ms(0.99), floor_p99, &busy));
    cases[2].more.insert("nights".into(), json!(nights));
    let pace = Pace { first_minute: 10_000, apart: Duration::from_secs(1) };
    let (mut swaps, promotions) = under_nights(&server.target, folder.path(), &load(usize::MAX, 60), pace).await;
    cases.push(case("promotion_each_second_p99", swaps.percentile_ms(0.99), floor_p99, &swaps));
    cases[3].more.insert("promotions".into(), json!(promotions));
    cases
}

fn case(name: &str, ours: f64, floor: f64, measured: &Measured) -> Case {
    let mut more = Map::new();
    more.insert("requests_per_second".into(), json!(measured.per_second().round()));
    more.insert("errors".into(), json!(measured.errors));
    if let Some(error) = &measured.first_error {
        more.insert("first_error".into(), json!(error));
    }
    Case { case: name.into(), unit: "ms", ours, floor: Some(floor), floor_is: "axum JSON echo", more }
}

/// A served project, ended when dropped.
pub struct Up {
    child: Child,
    /// The model's endpoint.
    pub target: Target,
}

impl Up {
    /// Starts `daybreak up` on a free port and waits for its note.
    pub fn start(folder: &Path, arguments: &[String]) -> Self {
        let mut up = Command::new(daybreak_tests::binary());
        up.arg("up").arg(folder).args(["--listen", "127.0.0.1:0"]).args(arguments);
        up.stdout(Stdio::null()).stderr(Stdio::inherit());
        let child = up.spawn().expect("daybreak starts");
        let note = daybreak_tests::wait_for("the server", Duration::from_secs(30), || {
            serde_json::from_slice::<Json>(&std::fs::read(folder.join(".daybreak/server.json")).ok()?).ok()
        });
        let text = |key: &str| note[key].as_str().expect("a note of the server").to_owned();
        let address = text("url").trim_start_matches("http://").to_owned();
        let target = Target { address, path: "/v1/models/returned/predict".into(), token: text("token") };
        Self { child, target }
    }

    /// Processor time that its process has used, in ms.
    pub fn busy_ms(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("a living process");
        let (_, fields) = stat.rsplit_once(')').expect("its name in brackets");
        let ticks: f64 =
            fields.split_ascii_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks * 10.0
    }

    /// Memory that its process holds, in MB.
    pub fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a living process");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its resident size");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("kilobytes") / 1e3
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Runs one night, `minutes` after the first.
fn night(folder: &Path, minutes: i64) {
    let at = daybreak_spec::Timestamp::from_micros(shop::FIRST_NIGHT_US + minutes * 60_000_000).to_string();
    let output = daybreak_tests::daybreak(folder, &["run", "nightly", "--at", &at, "--wait", "--json"]);
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn wait_live(target: &Target) {
    let begun = Instant::now();
    let one = Load {
        bodies: Arc::new(vec![json!({"customer": 1, "price": 1.0}).to_string()]),
        concurrency: 1,
        requests: 1,
        at_most: Duration::from_secs(5),
    };
    while send(target, &one).await.errors > 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the model does not go live");
    }
}

/// Recomputes every answer from the known features and the stored artefact; returns how many differ.
fn check_values(folder: &Path, measured: &Measured) -> usize {
    let models = daybreak_tests::json(&daybreak_tests::daybreak(folder, &["models", "--json"]));
    let object = models[0]["versions"][0]["object"].as_str().expect("a version").to_owned();
    let path = folder.join(".daybreak/artifacts/objects").join(&object[..2]).join(&object);
    let artifact =
        daybreak_model::Artifact::decode(&std::fs::read(path).expect("an artefact")).expect("a sound artefact");
    let predictor = daybreak_model::Predictor::new(artifact).expect("a predictor");
    let wrong = |(index, answer): &(usize, String)| {
        let customer = i64::try_from(*index).expect("a small number");
        let [sum, mean, count, last, age] = shop::features(customer);
        #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
        let (count, age) = (Value::Int(count as i64), Value::Int(age as i64));
        let raw = [Value::Float(100.5), Value::Float(sum), Value::Float(mean), count, Value::Float(last), age];
        let expected = predictor.predict(&raw).expect("a prediction").value;
        probability(answer) != Some(expected)
    };
    measured.answers.iter().filter(|answer| wrong(answer)).count() + (shop::CUSTOMERS as usize - measured.answers.len())
}

/// Read by the standard library, which is exact to the last bit; the JSON parser is not.
fn probability(answer: &str) -> Option<f64> {
    let (_, rest) = answer.split_once("\"probability\":")?;
    rest.split([',', '}']).next()?.trim().parse().ok()
}

async fn echo_floor(load: &Load) -> Measured {
    let own = std::env::current_exe().expect("this process has a path");
    let mut echo = Command::new(own).arg("echo").stdout(Stdio::piped()).spawn().expect("the echo starts");
    let mut address = String::new();
    BufReader::new(echo.stdout.take().expect("its output")).read_line(&mut address).expect("its address");
    let target = Target { address: address.trim().to_owned(), path: "/echo".into(), token: "none".into() };
    let measured = send(&target, load).await;
    let _ = echo.kill();
    let _ = echo.wait();
    measured
}

/// How nights follow each other.
struct Pace {
    /// The first one's T, minutes after the first night of all.
    first_minute: i64,
    /// At least this from start to start.
    apart: Duration,
}

/// The load while nights follow each other; returns how many there were.
async fn under_nights(target: &Target, folder: &Path, load: &Load, pace: Pace) -> (Measured, u32) {
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, folder) = (stop.clone(), folder.to_path_buf());
    let nights = std::thread::spawn(move || {
        let (mut count, mut next, apart) = (0, pace.first_minute, pace.apart);
        while !stopped.load(Ordering::Relaxed) {
            let begun = Instant::now();
            next += 1;
            night(&folder, next);
            count += 1;
            while begun.elapsed() < apart {
                std::thread::park_timeout(apart.saturating_sub(begun.elapsed()));
            }
        }
        count
    });
    let measured = send(target, load).await;
    stop.store(true, Ordering::Relaxed);
    (measured, nights.join().expect("the nights"))
}
