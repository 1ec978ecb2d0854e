//! The replay: the departures of a day, one by one over HTTP against the endpoint, at their scheduled times.

use std::path::{Path, PathBuf};
use std::time::Instant;

use daybreak_protocol::Clock;
use daybreak_spec::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::failure::{Failure, Outcome};

/// One departure whose end is known.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Departure {
    /// Scheduled departure: the business time of the request.
    pub at: Timestamp,
    /// Whether it arrived late.
    pub label: bool,
    /// The request: entity keys and inputs.
    pub row: Map<String, Json>,
}

/// What came of one day, kept on disk when the day is complete.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Day {
    /// Predicted probabilities.
    pub scores: Vec<f64>,
    /// What happened, in the same order.
    pub labels: Vec<bool>,
    /// Time from sending to the answer read, in the same order.
    pub latency_us: Vec<u64>,
    /// Requests without a prediction.
    pub errors: u64,
    /// The first of them, for people.
    pub first_error: Option<String>,
    /// Real time of the whole day.
    pub wall_us: u64,
}

impl Day {
    fn path(folder: &Path, night: Timestamp) -> PathBuf {
        folder.join("replay").join(format!("{}.json", night.to_chrono().format("%Y-%m-%d")))
    }

    /// A day that an earlier process completed.
    pub fn read(folder: &Path, night: Timestamp) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::path(folder, night)).ok()?).ok()
    }

    /// Keeps the day; a reader sees all of it or nothing.
    pub fn write(&self, folder: &Path, night: Timestamp) -> Outcome {
        let path = Self::path(folder, night);
        let partial = path.with_extension("partial");
        let write = || -> std::io::Result<()> {
            std::fs::create_dir_all(folder.join("replay"))?;
            std::fs::write(&partial, serde_json::to_vec(self).map_err(std::io::Error::other)?)?;
            std::fs::rename(&partial, &path)
        };
        write().map_err(|error| Failure::file(format!("cannot keep {}", path.display()), &error))
    }

    /// Adds another day.
    pub fn extend(&mut self, other: Self) {
        self.scores.extend(other.scores);
        self.labels.extend(other.labels);
        self.latency_us.extend(other.latency_us);
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
        self.wall_us += other.wall_us;
    }

    /// Latency at a share of the requests, in milliseconds; 0 without requests.
    pub fn latency_ms(&self, share: f64) -> f64 {
        let mut sorted = self.latency_us.clone();
        sorted.sort_unstable();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
        let index = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
        sorted.get(index).map_or(0.0, |micros| *micros as f64 / 1_000.0)
    }

    /// Answered requests per second of real time.
    pub fn requests_per_second(&self) -> f64 {
        if self.wall_us == 0 { 0.0 } else { self.latency_us.len() as f64 / (self.wall_us as f64 / 1e6) }
    }
}

/// The endpoint that is asked.
pub struct Endpoint {
    /// `http://…/v1/models/{model}/predict`
    pub url: String,
    /// Bearer token.
    pub token: String,
    /// Business time is set to each departure's.
    pub clock: Clock,
}

/// Asks for each departure in turn.
pub async fn replay(endpoint: &Endpoint, departures: &[Departure]) -> Outcome<Day> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .map_err(|error| Failure::configuration(format!("cannot set up an HTTP client: {error}")))?;
    let mut day = Day::default();
    let begun = Instant::now();
    for departure in departures {
        endpoint.clock.set_business(departure.at);
        let sent = Instant::now();
        match ask(&client, endpoint, departure).await {
            Ok(score) => {
                day.latency_us.push(u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX));
                day.scores.push(score);
                day.labels.push(departure.label);
            }
            Err(problem) => {
                day.errors += 1;
                day.first_error.get_or_insert(problem);
            }
        }
    }
    day.wall_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
    Ok(day)
}

async fn ask(client: &reqwest::Client, endpoint: &Endpoint, departure: &Departure) -> Result<f64, String> {
    let request = client.post(&endpoint.url).bearer_auth(&endpoint.token).json(&departure.row);
    let response = request.send().await.map_err(|error| error.to_string())?;
    let status = response.status();
    let body: Json = response.json().await.map_err(|error| error.to_string())?;
    let probability = body.get("probability").and_then(Json::as_f64);
    probability.filter(|_| status.is_success()).ok_or_else(|| format!("{status}: {body}"))
}

#[cfg(test)]
mod tests {
    use super::Day;

    #[test]
    fn latency_is_the_smallest_that_covers_the_share() {
        let day = Day { latency_us: (1..=100).rev().map(|ms| ms * 1_000).collect(), ..Day::default() };
        assert_eq!((day.latency_ms(0.5), day.latency_ms(0.99), day.latency_ms(1.0)), (50.0, 99.0, 100.0));
        assert_eq!(Day::default().latency_ms(0.5), 0.0);
    }
}
