//! Chromium without a window, driven through chromedriver: a desk of 1440 pixels or a phone of 390.
//!
//! Screenshots go to `YUEZHI_TEST_ARTEFACTS`, or `target/artefacts`.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element};
use hyper_util::client::legacy::connect::HttpConnector;
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
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is on the PATH: run ./test, it installs it");
        let driver = Self { child, port };
        let up = async {
            while tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_err()
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, up)
            .await
            .expect("chromedriver comes up");
        driver
    }

    pub(crate) async fn desk(&self, language: &str) -> Window {
        self.window(language, json!(["--window-size=1440,1000"]), &Value::Null)
            .await
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
        arguments.extend(
            more.as_array()
                .unwrap()
                .iter()
                .map(|a| a.as_str().unwrap().to_owned()),
        );
        let mut options = json!({
            "args": arguments,
            "prefs": { "intl.accept_languages": language },
        });
        if !emulation.is_null() {
            options["mobileEmulation"] = emulation.clone();
        }
        let logging = json!({ "browser": "ALL" });
        let wanted = json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logging });
        let Value::Object(capabilities) = wanted else {
            unreachable!("it is written as an object")
        };
        // chromedriver speaks plain HTTP on loopback.
        let client = ClientBuilder::new(HttpConnector::new())
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

/// One browser window.
pub(crate) struct Window {
    client: Client,
}

impl Window {
    pub(crate) async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn url(&self) -> url::Url {
        self.client.current_url().await.unwrap()
    }

    /// The first element, as soon as it is there.
    pub(crate) async fn find(&self, css: &str) -> Element {
        match self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::Css(css))
            .await
        {
            Ok(element) => element,
            Err(error) => panic!(
                "no {css} at {}: {error}\n{}",
                self.url().await,
                self.text().await
            ),
        }
    }

    pub(crate) async fn click(&self, css: &str) {
        let element = self.find(css).await;
        // A button below the fold or under a sticky bar is pressed all the same, as a person would after scrolling.
        self.client
            .execute(
                "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })",
                vec![serde_json::to_value(&element).unwrap()],
            )
            .await
            .unwrap();
        if let Err(error) = element.click().await {
            panic!("cannot press {css} at {}: {error}", self.url().await);
        }
    }

    /// Presses the link or button with these words, as soon as it is there.
    pub(crate) async fn press(&self, words: &str) {
        let path = format!(
            "//*[self::a or self::button or self::summary][contains(normalize-space(.), '{words}')]"
        );
        let found = self
            .client
            .wait()
            .at_most(PATIENCE)
            .for_element(Locator::XPath(&path))
            .await;
        let Ok(element) = found else {
            panic!(
                "nothing says «{words}» at {}:\n{}",
                self.url().await,
                self.text().await
            )
        };
        self.client
            .execute(
                "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })",
                vec![serde_json::to_value(&element).unwrap()],
            )
            .await
            .unwrap();
        element.click().await.unwrap();
    }

    /// Goes into the page that this frame shows, until [`Self::leave_frame`].
    pub(crate) async fn enter_frame(&self, css: &str) {
        let frame = self.find(css).await;
        frame.enter_frame().await.unwrap();
    }

    pub(crate) async fn leave_frame(&self) {
        self.client.clone().enter_parent_frame().await.unwrap();
    }

    /// The path of the page, of the frame's if one was entered.
    pub(crate) async fn path(&self) -> String {
        let path = self.script("return location.pathname").await;
        path.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn fill(&self, css: &str, text: &str) {
        let field = self.find(css).await;
        field.send_keys(text).await.unwrap();
    }

    /// The words of the page.
    pub(crate) async fn text(&self) -> String {
        let text = self
            .script("return document.body ? document.body.innerText : ''")
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    /// Waits until a script answers `true`.
    pub(crate) async fn until(&self, what: &str, script: &str) {
        let waiting = async {
            while self.script(script).await != Value::Bool(true) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let done = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
        let (url, text) = (self.url().await, self.text().await);
        assert!(done, "{what}: not at {url}:\n{text}");
    }

    /// Waits until the page says this.
    pub(crate) async fn until_it_says(&self, words: &str) {
        let quoted = serde_json::to_string(words).unwrap();
        self.until(
            words,
            &format!("return document.body !== null && document.body.innerText.includes({quoted})"),
        )
        .await;
    }

    /// Waits until the address is below this path.
    pub(crate) async fn until_at(&self, path: &str) {
        let quoted = serde_json::to_string(path).unwrap();
        self.until(path, &format!("return document.readyState === 'complete' && location.pathname.startsWith({quoted})")).await;
    }

    pub(crate) async fn screenshot(&self, name: &str) {
        let folder = std::env::var_os("YUEZHI_TEST_ARTEFACTS").map_or_else(
            || PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../artefacts"),
            PathBuf::from,
        );
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(
            folder.join(format!("{name}.png")),
            self.client.screenshot().await.unwrap(),
        )
        .unwrap();
    }

    /// Nothing on this page is wider than the window.
    pub(crate) async fn assert_fits(&self) {
        let over = self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth").await;
        assert!(
            over.as_i64().unwrap_or(0) <= 0,
            "{} is {over} pixels too wide",
            self.url().await
        );
    }

    pub(crate) async fn close(self) {
        self.client.close().await.unwrap();
    }
}
