//! `daybreak serve`: answers predictions with what is live on a server until Ctrl-C or SIGTERM. What it needs for that is on
//! its own disk, so it goes on answering, and starts again, while every server is away.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use daybreak_artifacts::Artifacts;
use daybreak_protocol::{Client, Clock, EndpointSettings, Error, Keys};
use daybreak_serving::{Serving, ServingConfig};
use tokio::sync::watch;

use super::server::where_to;
use super::up::Signals;
use super::worker::{folder, no_database, token};
use crate::arguments::Serve;
use crate::artifacts::shared;
use crate::failure::{Failure, Outcome};
use crate::home::write_private;
use crate::machine::{fatal, random_id_bits, real_now};
use crate::output;
use crate::parts::{Part, listen, own_url, serve as answer};

/// What the server said last, in the state folder.
const SETTINGS: &str = "serving/settings.json";
/// How often it is asked: a token that is taken back is refused here so much later.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Runs until told to stop.
pub async fn serve(arguments: &Serve) -> Outcome {
    no_database("process that serves")?;
    let client = Client::new(&arguments.to.url, &token(&arguments.to)?);
    let data_dir = folder(&arguments.data_dir)?;
    let artifacts =
        Artifacts::open(&shared(&data_dir, arguments.artifacts.as_deref())?).map_err(Failure::configuration)?;
    let mut signals = Signals::new()?;
    let listener = listen(where_to(arguments.listening)).await?;
    let settings = tokio::select! {
        settings = settings(&client, &data_dir) => settings?,
        () = signals.told() => return Ok(()),
    };
    let clock = match settings.simulated_at {
        Some(at) => Clock::simulated(real_now, at),
        None => Clock::real(real_now),
    };
    let keys = Keys::told(&settings, clock.clone());
    let config = ServingConfig {
        data_dir: data_dir.clone(),
        keys: keys.clone(),
        predictions: settings.predictions.clone(),
        clock: clock.clone(),
        random: random_id_bits,
        keep_copies: true,
        on_fatal: fatal,
    };
    let serving = Serving::open(config).map_err(Failure::configuration)?;
    let (url, mut part) = (own_url(&listener)?, Part::default());
    let router = serving.router();
    part.spawn(|stopped| answer(listener, router, stopped));
    let told = Told { client: client.clone(), data_dir, settings, keys, clock };
    part.spawn(|stopped| told.follow(stopped));
    part.spawn(|stopped| async move { serving.run(Arc::new(client), artifacts, stopped).await });
    // An endpoint goes on when nobody reads what it says.
    let _ = output::line(format_args!("daybreak serves what is live on {} at {url}", arguments.to.url));
    signals.told().await;
    tokio::select! {
        () = part.stop() => Ok(()),
        () = signals.told() => Err(Failure { status: 130, message: "ended at once".into() }),
    }
}

/// What the server says, else what it said last; a first start waits for it.
async fn settings(client: &Client, data_dir: &Path) -> Outcome<EndpointSettings> {
    loop {
        match client.endpoint_settings().await {
            Ok(settings) => {
                save(data_dir, &settings);
                return Ok(settings);
            }
            Err(error @ Error::Unavailable { .. }) => {
                if let Some(settings) = saved(data_dir) {
                    tracing::warn!(%error, "serving what was live when the server was there last");
                    return Ok(settings);
                }
                tracing::warn!(%error, "a first start needs the server: waiting for it");
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(SETTINGS)
}

fn saved(data_dir: &Path) -> Option<EndpointSettings> {
    serde_json::from_slice(&std::fs::read(path(data_dir)).ok()?).ok()
}

/// A later start can do without, so a failure is told and no more.
fn save(data_dir: &Path, settings: &EndpointSettings) {
    let path = path(data_dir);
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let text = serde_json::to_vec(settings).map_err(std::io::Error::other);
    if let Err(error) = made.and(text).and_then(|text| write_private(&path, &text)) {
        tracing::warn!(%error, "what the server says could not be kept for a start without it");
    }
}

/// What the server said last, and who goes by it.
struct Told {
    client: Client,
    data_dir: PathBuf,
    settings: EndpointSettings,
    keys: Keys,
    clock: Clock,
}

impl Told {
    /// Asks again and again until told to stop. While nobody answers, what was said last holds.
    async fn follow(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = tokio::time::sleep(BETWEEN_LOOKS) => {}
            }
            match self.client.endpoint_settings().await {
                Ok(settings) if settings == self.settings => {}
                Ok(settings) => {
                    self.keys.take_up(&settings);
                    if let Some(at) = settings.simulated_at {
                        self.clock.set_business(at);
                    }
                    save(&self.data_dir, &settings);
                    self.settings = settings;
                }
                Err(error) => tracing::debug!(%error, "the tokens that were good stay good"),
            }
        }
    }
}
