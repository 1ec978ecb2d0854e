//! A worker that does nothing but claim: it takes one task after another from a long queue and says at once that it is done.

use std::time::{Duration, Instant};

use daybreak_protocol::{
    Client, Heartbeat, Orchestrator as _, Outcome, PROTOCOL_VERSION, Poll, Register, Registration, Report, TaskResult,
    TriggerRequest,
};
use daybreak_spec::{Labels, Name};
use daybreak_tests::served::Served;

/// Tasks of one run of the DAG `backlog`.
pub const BACKLOG: usize = 1_000;

/// Tasks that wait at least whenever one is claimed.
const AT_LEAST: usize = 500;

/// Claims a second, if there is time for them.
const PACE: u32 = 100;

/// Well within a lease.
const BETWEEN_HEARTBEATS: Duration = Duration::from_secs(5);

/// The registered worker.
pub struct Probe {
    client: Client,
    registration: Registration,
}

impl Probe {
    /// Registers for the queue `probe` alone.
    pub async fn register(served: &Served) -> Self {
        let client = served.client();
        let register = Register {
            label: "probe".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            protocol: PROTOCOL_VERSION,
            host: "probe".into(),
            queues: Name::parse("probe").map(|queue| vec![queue]),
            labels: Labels::default(),
            light_slots: 1,
            heavy_slots: 0,
        };
        let registration = client.register(register).await.expect("a registration");
        Self { client, registration }
    }

    /// Claims for so long: when each claim was asked for, since the beginning, and the milliseconds until its answer.
    pub async fn claim(&self, client: &Client, length: Duration) -> Vec<(Duration, f64)> {
        let (mut took, mut waiting) = (Vec::new(), 0);
        let (begun, mut alive) = (Instant::now(), None::<Instant>);
        let mut pace = tokio::time::interval(Duration::from_secs(1) / PACE);
        while begun.elapsed() < length {
            if alive.is_none_or(|alive| alive.elapsed() > BETWEEN_HEARTBEATS) {
                self.heartbeat().await;
                alive = Some(Instant::now());
            }
            if waiting <= AT_LEAST {
                client.trigger("backlog", &TriggerRequest::default()).await.expect("a run that starts");
                waiting += BACKLOG;
            }
            pace.tick().await;
            let asked = Instant::now();
            let claimed = self.client.poll(self.poll()).await.expect("an answer");
            took.push((asked.duration_since(begun), asked.elapsed().as_secs_f64() * 1e3));
            let [task] = claimed.as_slice() else { panic!("{} tasks instead of one", claimed.len()) };
            waiting -= 1;
            let report = Report {
                task_run_id: task.task_run_id.clone(),
                fence: task.fence,
                outcome: Outcome::Succeeded(Box::<TaskResult>::default()),
                busy_us: 0,
                start_us: 0,
            };
            self.client.report(report).await.expect("a report that is taken");
        }
        took
    }

    fn poll(&self) -> Poll {
        let Registration { worker_id, epoch, .. } = self.registration.clone();
        Poll { worker_id, epoch, free_light: 1, free_heavy: 0, wait_ms: 10_000 }
    }

    async fn heartbeat(&self) {
        let Registration { worker_id, epoch, .. } = self.registration.clone();
        let heartbeat = Heartbeat { worker_id, epoch, held: Vec::new(), draining: false };
        self.client.heartbeat(heartbeat).await.expect("a lease that goes on");
    }
}
