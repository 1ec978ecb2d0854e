//! `daybreak demo`: the flights project for N nights through the real scheduler, store and worker, business time
//! simulated, then the following day's departures one by one against the endpoint. Everything it needs to go on after
//! a kill is in the state folder and in `replay/`.

mod departures;
mod example;
mod progress;
pub mod replay;
mod report;

use std::time::{Duration, Instant};

use daybreak_core::ScheduleCompiler;
use daybreak_protocol::{Clock, RunSummary};
use daybreak_spec::{Labels, Name, Project, Timestamp};

use daybreak_server::Schedules;

use crate::arguments::Demo;
use crate::artifacts::folder;
use crate::embedded::{Embedded, Options};
use crate::failure::{Failure, Outcome};
use crate::home::Home;
use crate::machine::{heavy_default, real_now};
use crate::output;
use crate::parts::{Listen, ServerOptions};
use crate::project_folder::load_project;
use progress::Progress;
use replay::{Day, Endpoint};

const DAG: &str = "nightly";
const MODEL: &str = "late_arrival";

/// Runs the demo.
pub async fn demo(arguments: &Demo) -> Outcome {
    let begun = Instant::now();
    prepare(arguments)?;
    let home = Home::of(&arguments.data)?;
    let read = load_project(&home)?;
    let nights = nights(&read.project, arguments.nights)?;
    let before = nights[0].at.plus_micros(-1);
    let server = ServerOptions {
        listen: Listen { address: ([127, 0, 0, 1], 0).into(), allow_remote: false },
        clock: Clock::simulated(real_now, before),
        schedules: Schedules::Watched,
        follow: None,
        open_metrics: false,
        database: None,
        artifacts: folder(&home.state),
    };
    let options = Options { server, heavy: heavy_default(), queues: None, labels: Labels::new(), secrets: None };
    let embedded = Embedded::start(&home, &read, options).await?;
    let worked = tokio::select! {
        worked = work(&embedded, &home, &nights, arguments) => worked,
        _ = tokio::signal::ctrl_c() => Err(Failure::interrupted()),
    };
    let replayed = match worked {
        Ok(replayed) => replayed,
        Err(failure) => {
            embedded.stop().await;
            return Err(failure);
        }
    };
    let report = report::Report::gather(&embedded, &replayed, begun.elapsed()).await?;
    let printed = report.print(arguments.json);
    if !arguments.exit {
        output::aside(format_args!(
            "serving on {} until Ctrl-C; the token: daybreak token --project {}",
            embedded.running.url,
            arguments.data.display()
        ));
        let _ = tokio::signal::ctrl_c().await;
    }
    embedded.stop().await;
    printed?;
    report.verdict()
}

/// One night of the demo.
struct Night {
    /// The firing.
    at: Timestamp,
    /// The next one; the day between them may be replayed.
    next: Timestamp,
}

fn prepare(arguments: &Demo) -> Outcome {
    if !arguments.resume {
        return example::write_clean(&arguments.data);
    }
    if example::is_demo(&arguments.data) {
        return Ok(());
    }
    Err(Failure::configuration(format!(
        "{} holds no demo to resume; start one without --resume",
        arguments.data.display()
    )))
}

fn nights(project: &Project, count: u32) -> Outcome<Vec<Night>> {
    let dag = project.dags.get(DAG).ok_or_else(|| Failure::configuration(format!("the project has no DAG `{DAG}`")))?;
    let firings = ScheduleCompiler::of(project).nominal(dag);
    let firings = firings.map_err(|_| Failure::configuration("the demo's schedule does not compile"))?;
    let mut at = Timestamp::from_micros(0);
    let mut nights = Vec::new();
    while nights.len() < count as usize {
        let Some(firing) = firings.next_after(at) else { break };
        let day_later = firing.plus_micros(24 * 3_600_000_000);
        nights.push(Night { at: firing, next: firings.next_after(firing).unwrap_or(day_later) });
        at = firing;
    }
    if nights.is_empty() { Err(Failure::configuration("the demo's schedule never fires")) } else { Ok(nights) }
}

async fn work(embedded: &Embedded, home: &Home, nights: &[Night], arguments: &Demo) -> Outcome<Day> {
    let progress = Progress::new(arguments.nights);
    let first_replayed = nights.len().saturating_sub(arguments.replay_days as usize);
    let mut replayed = Day::default();
    for (index, night) in nights.iter().enumerate() {
        progress.now(night.at.to_string());
        let run = run_night(embedded, night.at).await?;
        progress.line(&night_line(index + 1, nights.len(), &run));
        progress.advance();
        if index >= first_replayed {
            let day = replay_day(embedded, home, night).await?;
            progress.line(&format!("  replayed {} departures, {} errors", day.scores.len(), day.errors));
            replayed.extend(day);
        }
    }
    progress.end();
    Ok(replayed)
}

/// Moves business time to the night and waits for the end of its run; a night that has ended already is not run again.
async fn run_night(embedded: &Embedded, at: Timestamp) -> Outcome<RunSummary> {
    if embedded.clock.business_now() < at {
        embedded.server.advance_clock(at).await.map_err(Failure::failed)?;
    }
    let run = embedded.server.wait_firing(DAG, at).await.map_err(Failure::failed)?;
    Ok(run)
}

fn night_line(number: usize, of: usize, run: &RunSummary) -> String {
    let at = run.scheduled_for.map_or_else(String::new, |at| at.to_string());
    let seconds = match (run.started_at, run.ended_at) {
        (Some(from), Some(to)) => (to.micros - from.micros) as f64 / 1e6,
        _ => 0.0,
    };
    let reason = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("night {number}/{of}  {at}  {} in {seconds:.2} s{reason}", run.state)
}

async fn replay_day(embedded: &Embedded, home: &Home, night: &Night) -> Outcome<Day> {
    if let Some(day) = Day::read(&home.project, night.at) {
        return Ok(day);
    }
    let departures = departures::read(&home.project, night.at, night.next)?;
    wait_live(embedded).await?;
    let endpoint = Endpoint {
        url: format!("{}/v1/models/{MODEL}/predict", embedded.running.url),
        token: embedded.running.token.clone(),
        clock: embedded.clock.clone(),
    };
    let day = replay::replay(&endpoint, &departures).await?;
    day.write(&home.project, night.at)?;
    Ok(day)
}

/// Until the endpoint answers with the version that the champion alias points at.
async fn wait_live(embedded: &Embedded) -> Outcome {
    let model = Name::parse(MODEL).expect("a slug");
    let champion = embedded.server.orchestrator().alias(&model, "champion").await?;
    let Some(champion) = champion else {
        return Err(Failure::failed("no version was promoted, so there is nothing to replay against"));
    };
    let begun = Instant::now();
    while !embedded.serving.live_versions().contains(&(model.clone(), champion.version)) {
        if begun.elapsed() > Duration::from_secs(30) {
            return Err(Failure::failed(format!(
                "version {} of {MODEL} did not go live within 30 s",
                champion.version
            )));
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
