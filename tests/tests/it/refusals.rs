//! Who is refused, or says what is over, stands in the audit, once however often it is tried; everybody else goes on.

use daybreak_protocol::{
    AuditEntry, AuditQuery, Client, Error, Orchestrator as _, Outcome, PROTOCOL_VERSION, Poll, Register, Report,
    RunsQuery, TriggerRequest,
};
use daybreak_spec::Labels;
use daybreak_tests::roles::token;
use daybreak_tests::served::Served;

const PROJECT: &str = "version: 1\nname: refusals\ndags:\n  single:\n    tasks:\n      only: { kind: noop }\n";

const NEVER_MADE: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_is_audited_once_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("daybreak.yaml"), PROJECT).expect("a project");
    let served = Served::start_as("server", folder.path(), &["--listen", "127.0.0.1:0"]);
    let client = served.client();

    let forged = Client::new(&served.url, &"f".repeat(43));
    for _ in 0..20 {
        assert!(forged.runs(&RunsQuery::default()).await.is_err(), "nobody knows this token");
    }
    let viewer = Client::new(&served.url, &token(folder.path(), "viewer", "looker"));
    assert!(viewer.trigger("single", &TriggerRequest::default()).await.is_err(), "viewers start nothing");

    let worker = Client::new(&served.url, &token(folder.path(), "worker", "fleet"));
    let of_tomorrow = Register { protocol: PROTOCOL_VERSION + 100, ..register() };
    assert!(matches!(worker.register(of_tomorrow).await, Err(Error::OtherProtocol(_))));
    let registered = worker.register(register()).await.expect("a registration");
    let run_id = client.trigger("single", &TriggerRequest::default()).await.expect("a run");
    let poll = Poll {
        worker_id: registered.worker_id,
        epoch: registered.epoch,
        free_light: 1,
        free_heavy: 0,
        wait_ms: 10_000,
    };
    let task = worker.poll(poll).await.expect("an answer").pop().expect("a task");
    for _ in 0..3 {
        let wrong = worker.report(report(&task.task_run_id, task.fence + 1)).await;
        assert!(matches!(wrong, Err(Error::StaleAttempt)), "{wrong:?}");
    }
    let of_nothing = worker.report(report(NEVER_MADE, 1)).await;
    assert!(matches!(of_nothing, Err(Error::NotFound(_) | Error::StaleAttempt)), "{of_nothing:?}");
    worker.report(report(&task.task_run_id, task.fence)).await.expect("its own fence counts");
    assert_eq!(client.run(&run_id).await.expect("a run").summary.state.as_str(), "succeeded");

    let audit = client.audit(&AuditQuery::default()).await.expect("the audit").entries;
    let refused: Vec<&AuditEntry> = audit.iter().filter(|entry| entry.action == "refused").collect();
    let count = |code: &str, subject: &str| {
        let of = refused.iter().filter(|entry| entry.detail.starts_with(code) && entry.subject == subject);
        of.count()
    };
    assert_eq!(count("unauthorized", "/api/v1/runs"), 1, "{refused:?}");
    assert_eq!(count("forbidden", "/api/v1/dags/{dag}/runs"), 1, "{refused:?}");
    assert_eq!(count("other_protocol", "strange"), 1, "{refused:?}");
    assert_eq!(count("stale_attempt", &task.task_run_id), 1, "{refused:?}");
    let by = |code: &str| {
        let entry = refused.iter().find(|entry| entry.detail.starts_with(code)).expect("an entry");
        entry.by.clone().unwrap_or_default()
    };
    assert_eq!(by("unauthorized"), "nobody");
    assert!(by("forbidden").starts_with("looker-") && by("stale_attempt").starts_with("fleet-"), "{refused:?}");
}

fn register() -> Register {
    Register {
        label: "strange".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL_VERSION,
        host: "elsewhere".to_owned(),
        queues: None,
        labels: Labels::default(),
        light_slots: 1,
        heavy_slots: 0,
    }
}

fn report(task_run_id: &str, fence: i64) -> Report {
    let outcome = Outcome::Succeeded(Box::default());
    Report { task_run_id: task_run_id.to_owned(), fence, outcome, busy_us: 0, start_us: 0 }
}
