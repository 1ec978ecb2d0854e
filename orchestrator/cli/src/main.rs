//! The one binary: reads the command line, sets up logging, dispatches, and turns a failure into an exit status.
#![deny(clippy::print_stdout, clippy::print_stderr, reason = "they panic when nobody reads: `output` is for that")]

use std::process::ExitCode;

use clap::Parser as _;
use daybreak::arguments::{Arguments, Command, Features, LogFormat, RunShow};
use daybreak::commands::{
    apply, asking, backfills, clock, control, dags, following, init, migrate, models, project, reading, running,
    schedules, serve, server, testing, tokens, training_set, up, worker, workers,
};
use daybreak::failure::Outcome;
use daybreak::logging::Logging;
use daybreak::output;
use tracing_subscriber::filter::LevelFilter;

fn main() -> ExitCode {
    daybreak_failpoints::set_from_environment();
    let arguments = Arguments::parse();
    match arguments.command {
        Command::TaskShim { .. } => daybreak_runtime::supervise_main(),
        Command::TaskChild => in_runtime(daybreak_runtime::child_main(daybreak_tasks::registry())),
        command => in_runtime(ended(command, arguments.log_format)),
    }
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            // What still blocks has nothing left to say: a worker waits for the end of this process.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            output::aside(format_args!("daybreak: cannot start: {error}"));
            ExitCode::from(74)
        }
    }
}

async fn ended(command: Command, log_format: LogFormat) -> ExitCode {
    // Warnings of a server; a command says by itself what it is about, also where it runs a server of its own.
    let level = match command {
        Command::Up(_) | Command::Server(_) | Command::Worker(_) | Command::Serve(_) | Command::Demo(_) => {
            LevelFilter::WARN
        }
        _ => LevelFilter::ERROR,
    };
    let logging = Logging::start(level, log_format);
    let outcome = dispatch(command).await;
    logging.end().await;
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                output::aside(format_args!("daybreak: {}", failure.message));
            }
            ExitCode::from(failure.status)
        }
    }
}

async fn dispatch(command: Command) -> Outcome {
    match command {
        Command::Demo(arguments) => daybreak::demo::demo(&arguments).await,
        Command::Up(arguments) => up::up(&arguments).await,
        Command::Server(arguments) => server::server(&arguments).await,
        Command::Worker(arguments) => worker::worker(&arguments).await,
        Command::Workers { project } => workers::workers(&project).await,
        Command::Queues { project } => workers::queues(&project).await,
        Command::Serve(arguments) => serve::serve(&arguments).await,
        Command::Apply(arguments) => apply::apply(&arguments).await,
        Command::Check(arguments) => project::check(&arguments),
        Command::Explain { dag, project } => project::explain(&dag, &project).await,
        Command::Schedule(arguments) => schedules::schedule(&arguments).await,
        Command::Simulate(arguments) => schedules::simulate(&arguments),
        Command::Dags { project } => dags::dags(&project).await,
        Command::Pause(arguments) => dags::pause(&arguments).await,
        Command::Resume(arguments) => dags::resume(&arguments).await,
        Command::Test(arguments) => testing::test(&arguments),
        Command::Schema { tests } => project::schema(tests),
        Command::Init { directory } => init::init(&directory),
        Command::Run(arguments) => match &arguments.show {
            Some(RunShow::Show { id, project }) => reading::run(id, project).await,
            None => running::run(&arguments).await,
        },
        Command::Runs { dag, limit, project } => reading::runs(dag.as_deref(), limit, &project).await,
        Command::Logs { run, task: Some(task), follow: true, project } => following::logs(&run, &task, &project).await,
        Command::Logs { run, task, project, .. } => reading::logs(&run, task.as_deref(), &project).await,
        Command::Items(arguments) => reading::items(&arguments).await,
        Command::Backfill(command) => backfills::backfill(&command).await,
        Command::Rerun(arguments) => control::rerun(&arguments).await,
        Command::Clear(arguments) => control::clear(&arguments).await,
        Command::Mark(arguments) => control::mark(&arguments).await,
        Command::Approve(arguments) => control::decide(&arguments, daybreak_protocol::DecisionWord::Approve).await,
        Command::Reject(arguments) => control::decide(&arguments, daybreak_protocol::DecisionWord::Reject).await,
        Command::Cancel(arguments) => control::cancel(&arguments).await,
        Command::Why(arguments) => control::why(&arguments).await,
        Command::Audit(arguments) => control::audit(&arguments).await,
        Command::Models(arguments) => models::models(&arguments).await,
        Command::Features { command: Features::Get { view, keys, endpoint, project } } => {
            asking::features(&view, &keys, endpoint.as_deref(), &project).await
        }
        Command::Predict { model, values, endpoint, project } => {
            asking::predict(&model, &values, endpoint.as_deref(), &project).await
        }
        Command::TrainingSet(arguments) => training_set::training_set(&arguments).await,
        Command::Clock(arguments) => clock::clock(&arguments).await,
        Command::Migrate(arguments) => migrate::migrate(&arguments).await,
        Command::Token(arguments) => tokens::token(&arguments).await,
        Command::Openapi => tokens::openapi(),
        Command::DemoDepartures { directory, from, to } => training_set::departures(&directory, from, to),
        Command::TaskChild | Command::TaskShim { .. } => Ok(()),
    }
}
