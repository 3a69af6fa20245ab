//! Remembers every error that was logged, so that a story can fail on one it did not expect.
//!
//! Weakness: one list for the process. `cargo nextest` runs each test in a process of its own; under `cargo test` a
//! story may be blamed for its neighbour's error.

use std::sync::{Mutex, Once, PoisonError};

use tracing::{Event, Level, Subscriber, field::Visit};
use tracing_subscriber::{EnvFilter, Layer, layer::Context, layer::SubscriberExt as _};

static ERRORS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Installs the recorder once for the process; `YUEZHI_TEST_LOG` chooses what is printed.
pub(crate) fn record() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter =
            EnvFilter::try_from_env("YUEZHI_TEST_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
        let printed = tracing_subscriber::fmt::layer()
            .with_test_writer()
            .with_filter(filter);
        let subscriber = tracing_subscriber::registry().with(Recorder).with(printed);
        tracing::subscriber::set_global_default(subscriber).expect("nobody else sets one");
    });
}

/// The errors so far; empties the list.
pub(crate) fn take_errors() -> Vec<String> {
    std::mem::take(&mut *ERRORS.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Recorder;

impl<S: Subscriber> Layer<S> for Recorder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR {
            let mut line = Line(event.metadata().target().to_owned());
            event.record(&mut line);
            ERRORS
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line.0);
        }
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}
