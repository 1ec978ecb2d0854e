//! What a server shows to whoever watches it, in the text form of OpenMetrics. Names are part of the product: they are listed
//! in ARCHITECTURE.md and none is changed. To add one: a field, its line in [`Metrics::new`], the place where it is counted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use daybreak_spec::Timestamp;
use daybreak_store::Measures;
use prometheus_client::encoding::{EncodeLabelSet, text::encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::{Error, Server};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Size {
    size: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: String,
}

type Seconds = Gauge<f64, AtomicU64>;

/// Everything that is shown.
pub(crate) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<Request, Counter>,
    latency: Family<Route, Histogram>,
    lost: Counter,
    lag: Histogram,
    active_runs: Family<State, Gauge>,
    ready: Family<Size, Gauge>,
    blocked: Gauge,
    queue_age: Seconds,
    running: Gauge,
    workers: Gauge,
    queues: Family<Queue, Gauge>,
    unserved: Gauge,
}

/// From a millisecond to some minutes.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 9))
}

impl Metrics {
    pub(crate) fn new(measures: &Measures) -> Self {
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            latency: Family::new_with_constructor(buckets),
            lost: Counter::default(),
            lag: buckets(),
            active_runs: Family::default(),
            ready: Family::default(),
            blocked: Gauge::default(),
            queue_age: Seconds::default(),
            running: Gauge::default(),
            workers: Gauge::default(),
            queues: Family::default(),
            unserved: Gauge::default(),
        };
        let mut registry = Registry::default();
        measures.register(&mut registry);
        metrics.register(&mut registry);
        Self { registry: Mutex::new(registry), ..metrics }
    }

    fn register(&self, registry: &mut Registry) {
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("daybreak_build", "The binary", version);
        registry.register("daybreak_http_requests", "Requests by matched route and status", self.requests.clone());
        let help = "Time until an answer begins; routes that wait on purpose are held back up to 20 s";
        registry.register_with_unit("daybreak_http_request_duration", help, Unit::Seconds, self.latency.clone());
        registry.register("daybreak_leases_lost", "Tasks taken from workers that fell silent", self.lost.clone());
        let help = "Time from a firing's instant until its run was made";
        registry.register_with_unit("daybreak_schedule_lag", help, Unit::Seconds, self.lag.clone());
        registry.register("daybreak_active_runs", "Runs that have not ended", self.active_runs.clone());
        registry.register("daybreak_ready_tasks", "Tasks that wait for a worker", self.ready.clone());
        registry.register("daybreak_blocked_tasks", "Tasks that find no room in a limit", self.blocked.clone());
        let help = "How long the longest-waiting of them waits";
        registry.register_with_unit("daybreak_queue_age", help, Unit::Seconds, self.queue_age.clone());
        registry.register("daybreak_running_tasks", "Tasks that a worker holds", self.running.clone());
        registry.register("daybreak_workers", "Workers whose lease runs", self.workers.clone());
        registry.register("daybreak_queue_ready_tasks", "Tasks that wait for a worker, by queue", self.queues.clone());
        let help = "Tasks that wait in a queue, or for labels, that no worker has";
        registry.register("daybreak_unserved_tasks", help, self.unserved.clone());
    }

    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let request = Request { method: method.to_owned(), route: route.to_owned(), status: status.to_string() };
        self.requests.get_or_create(&request).inc();
        self.latency.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    pub(crate) fn lost(&self, tasks: u32) {
        self.lost.inc_by(u64::from(tasks));
    }

    pub(crate) fn fired(&self, at: Timestamp, now: Timestamp) {
        self.lag.observe(seconds(at, now));
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.micros - from.micros).max(0) as f64 / 1e6
}

impl Server {
    /// Everything that is shown, as it stands now.
    pub(crate) async fn metrics_text(&self) -> Result<String, Error> {
        let (now, metrics) = (self.store.now(), &self.metrics);
        let gauges = self.store.gauges().await?;
        let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let runs = |state| metrics.active_runs.get_or_create(&State { state }).clone();
        runs("queued").set(whole(gauges.queued_runs));
        runs("running").set(whole(gauges.running_runs));
        for (size, count) in ["light", "heavy"].into_iter().zip(gauges.ready) {
            metrics.ready.get_or_create(&Size { size }).set(whole(count));
        }
        metrics.blocked.set(whole(gauges.blocked));
        metrics.queue_age.set(gauges.oldest_ready.map_or(0.0, |since| seconds(since, now)));
        metrics.running.set(whole(gauges.running));
        metrics.workers.set(whole(gauges.workers));
        // A queue that the project names no more is not shown at its last count.
        metrics.queues.clear();
        let queues = self.all_queues().await?;
        let mut ready = BTreeMap::new();
        queues.iter().for_each(|queue| *ready.entry(&queue.queue).or_insert(0) += queue.ready);
        for (queue, ready) in ready {
            metrics.queues.get_or_create(&Queue { queue: queue.to_string() }).set(whole(ready));
        }
        let unserved = queues.iter().filter(|queue| queue.workers == 0);
        metrics.unserved.set(whole(unserved.map(|queue| queue.ready).sum()));
        let mut text = String::new();
        let registry = metrics.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry).expect("a text takes everything");
        Ok(text)
    }
}
