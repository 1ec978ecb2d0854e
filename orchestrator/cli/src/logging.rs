//! Log lines on standard error, and traces to an OpenTelemetry collector where one is named. The only place that knows of
//! either; everything below says `tracing` events and spans. Must never keep a command from working: what cannot be
//! exported is lost.

use std::io::IsTerminal as _;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer};

use crate::arguments::LogFormat;

/// Names the collector, as OpenTelemetry's documents say; its other variables count too.
const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What has to be ended so that nothing is lost.
pub struct Logging {
    traces: Option<SdkTracerProvider>,
}

impl Logging {
    /// Begins. `DAYBREAK_LOG` says which lines are written, else `level` does.
    pub fn start(level: LevelFilter, format: LogFormat) -> Self {
        let filter =
            EnvFilter::builder().with_env_var("DAYBREAK_LOG").with_default_directive(level.into()).from_env_lossy();
        // A line that cannot be written would be told of on the same standard error, with a panic.
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
        let lines = match format {
            LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
            LogFormat::Json => lines.json().boxed(),
        };
        let traces = std::env::vars().any(|(name, value)| name == COLLECTOR && !value.is_empty()).then(provider);
        let (traces, failed) = match traces.transpose() {
            Ok(traces) => (traces, None),
            Err(error) => (None, Some(error)),
        };
        let spans = traces.as_ref().map(exported);
        tracing_subscriber::registry().with(lines.with_filter(filter)).with(spans).init();
        if let Some(error) = failed {
            tracing::warn!("no traces are sent: the exporter that {COLLECTOR} asks for cannot be set up: {error}");
        }
        Self { traces }
    }

    /// Sends what is left.
    pub async fn end(self) {
        let Some(traces) = self.traces else { return };
        // Waits for the collector, within the exporter's own limit of time.
        let sent = tokio::task::spawn_blocking(move || traces.shutdown()).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!("the last traces could not be sent: {error}");
        }
    }
}

fn provider() -> Result<SdkTracerProvider, opentelemetry_otlp::ExporterBuildError> {
    let exporter = SpanExporter::builder().with_http().build()?;
    let resource = Resource::builder()
        .with_service_name("daybreak")
        .with_attribute(opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

/// Our own spans and nobody else's: those of the exporter's HTTP client would make spans of their own.
fn exported<S: Subscriber + for<'a> LookupSpan<'a>>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S> {
    let ours = Targets::new().with_target("daybreak", LevelFilter::INFO);
    let layer: OpenTelemetryLayer<S, Tracer> = tracing_opentelemetry::layer().with_tracer(provider.tracer("daybreak"));
    layer.with_filter(ours)
}
