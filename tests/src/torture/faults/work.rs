//! What people ask for while faults happen: runs, each with a key, asked for again until a server says that it has it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::cast::Cast;
use super::ledger::{Ledger, read};

/// Between two runs that are asked for.
const BETWEEN: Duration = Duration::from_millis(400);

/// So many runs of the short DAG for one that builds features.
const FEATURES_EVERY: u64 = 20;

/// Whoever asks for runs.
pub struct Work {
    http: reqwest::Client,
    servers: Vec<SocketAddr>,
    token: String,
    ledger: PathBuf,
    /// By key: the run that was acknowledged.
    acknowledged: Arc<Mutex<BTreeMap<String, String>>>,
    /// Requests that had to be sent again.
    again: Arc<AtomicU64>,
    asking: watch::Sender<bool>,
    rests: watch::Receiver<bool>,
}

impl Work {
    /// Asks for runs from now on.
    pub fn begin(cast: &Cast) -> Self {
        let http = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().expect("a client");
        let (asking, asked) = watch::channel(true);
        let (rest, rests) = watch::channel(false);
        let work = Self {
            http,
            servers: cast.addresses.clone(),
            token: cast.token.clone(),
            ledger: cast.ledger(),
            acknowledged: Arc::default(),
            again: Arc::default(),
            asking,
            rests,
        };
        tokio::spawn(work.asker().ask(asked, rest));
        work
    }

    fn asker(&self) -> Asker {
        Asker {
            http: self.http.clone(),
            servers: self.servers.clone(),
            token: self.token.clone(),
            acknowledged: self.acknowledged.clone(),
            again: self.again.clone(),
        }
    }

    /// Asks for one run, until it is acknowledged.
    pub async fn ask(&self, dag: &str, key: &str) {
        self.asker().until_acknowledged(dag, key).await;
    }

    /// Asks for no more, once what was asked for is acknowledged; the dead are started again meanwhile.
    pub async fn rest(&self, cast: &mut Cast) {
        let _ = self.asking.send(false);
        while !*self.rests.borrow() {
            cast.pause(Duration::from_millis(100)).await;
        }
    }

    pub fn go_on(&self) {
        let _ = self.asking.send(true);
    }

    pub fn acknowledged(&self) -> usize {
        self.acknowledged.lock().expect("nobody panics").len()
    }

    /// By key: the run that was acknowledged.
    pub fn runs(&self) -> BTreeMap<String, String> {
        self.acknowledged.lock().expect("nobody panics").clone()
    }

    pub fn ledger(&self) -> Ledger {
        read(&self.ledger)
    }

    /// For the report.
    pub fn told(&self) -> Json {
        let ledger = self.ledger();
        json!({
            "acknowledged": self.acknowledged(), "sent_again": self.again.load(Ordering::Relaxed),
            "attempts_begun": ledger.began.len(), "attempts_done": ledger.done.len(),
        })
    }

    #[expect(clippy::disallowed_methods, reason = "the instants of rows are compared with it")]
    pub fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// What a server answers; whichever does.
    pub async fn get(&self, path: &str) -> Result<Json, String> {
        let mut last = String::new();
        for server in &self.servers {
            let sent = self.http.get(format!("http://{server}{path}")).bearer_auth(&self.token).send().await;
            match sent {
                Ok(answer) if answer.status().is_success() => {
                    return answer.json().await.map_err(|error| error.to_string());
                }
                Ok(answer) => last = format!("{path}: {}", answer.status()),
                Err(error) => last = error.to_string(),
            }
        }
        Err(last)
    }

    /// Runs that have not ended: of those that fire, which go on doing so, the ones that were made before an instant.
    pub async fn active_before(&self, cast: &Cast, before_us: i64) -> Result<i64, String> {
        let statement = format!(
            "SELECT COUNT(*) FROM run WHERE state IN ('queued', 'running') \
             AND (dag NOT IN ('ticks', 'seconds') OR created_at_us < {before_us})"
        );
        let left = super::invariants::number(cast, &statement).await?;
        // That nobody answers would also leave no run.
        self.get("/api/v1/runs?limit=1").await.map(|_| left)
    }
}

struct Asker {
    http: reqwest::Client,
    servers: Vec<SocketAddr>,
    token: String,
    acknowledged: Arc<Mutex<BTreeMap<String, String>>>,
    again: Arc<AtomicU64>,
}

impl Asker {
    async fn ask(self, mut asked: watch::Receiver<bool>, rest: watch::Sender<bool>) {
        let mut number = 0_u64;
        loop {
            if !*asked.borrow() {
                let _ = rest.send(true);
                if asked.wait_for(|asked| *asked).await.is_err() {
                    return;
                }
                let _ = rest.send(false);
            }
            number += 1;
            let dag = if number.is_multiple_of(FEATURES_EVERY) { "features" } else { "chain" };
            self.until_acknowledged(dag, &format!("key-{number:06}")).await;
            tokio::time::sleep(BETWEEN).await;
        }
    }

    async fn until_acknowledged(&self, dag: &str, key: &str) {
        let body = if dag == "features" { json!({}) } else { json!({ "params": { "key": key } }) };
        for attempt in 0.. {
            let server = self.servers[attempt % self.servers.len()];
            let request = self.http.post(format!("http://{server}/api/v1/dags/{dag}/runs")).bearer_auth(&self.token);
            let sent = request.header("idempotency-key", key).json(&body).send().await;
            if let Ok(answer) = sent
                && answer.status().is_success()
                && let Ok(made) = answer.json::<Json>().await
                && let Some(run) = made["run_id"].as_str()
            {
                self.acknowledged.lock().expect("nobody panics").insert(format!("{dag} {key}"), run.to_owned());
                return;
            }
            self.again.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    }
}
