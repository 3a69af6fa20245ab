//! Chromium without a window, driven through chromedriver: a desk of 1440 pixels or a phone of 390.
//!
//! Screenshots go to `YUEZHI_TEST_ARTEFACTS`, or `target/artefacts`.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, error::CmdError};
use serde_json::{Value, json};

/// Longest that anything on a page may take to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A chromedriver of this story's own.
pub(crate) struct Driver {
    child: Child,
    port: u16,
}

impl Driver {
    pub(crate) async fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is on the PATH: run ./test, it installs it");
        let driver = Self { child, port };
        let up = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up).await.expect("chromedriver comes up");
        driver
    }

    pub(crate) async fn desk(&self, language: &str) -> Window {
        self.window(language, json!(["--window-size=1440,1000"]), &Value::Null).await
    }

    pub(crate) async fn phone(&self, language: &str) -> Window {
        let agent = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36 AliApp(DingTalk/7.6.0)";
        let phone = json!({ "deviceMetrics": { "width": 390, "height": 844, "pixelRatio": 2.0, "touch": true }, "userAgent": agent });
        self.window(language, json!([]), &phone).await
    }

    async fn window(&self, language: &str, more: Value, emulation: &Value) -> Window {
        let mut arguments = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--hide-scrollbars".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            format!("--lang={language}"),
        ];
        arguments.extend(more.as_array().unwrap().iter().map(|a| a.as_str().unwrap().to_owned()));
        let mut options = json!({
            "args": arguments,
            "prefs": { "intl.accept_languages": language },
        });
        if !emulation.is_null() {
            options["mobileEmulation"] = emulation.clone();
        }
        let logging = json!({ "browser": "ALL" });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logging });
        let Value::Object(capabilities) = wanted else { unreachable!("it is written as an object") };
        let client = ClientBuilder::rustls()
            .map_or_else(|_| ClientBuilder::native(), std::convert::identity)
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .unwrap();
        Window { client }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
