//! A real SMTP server (aiosmtpd) as a child process, with its mails and its refusals.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Mutex,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use mail_parser::{Message, MessageParser};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Runs until it is dropped.
pub(crate) struct MailServer {
    pub(crate) port: u16,
    folder: TempDir,
    faults: Mutex<Vec<Value>>,
    child: Child,
}

/// A mail that was accepted.
#[derive(Debug, Clone)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
    pub(crate) html: String,
    pub(crate) message_id: String,
    pub(crate) references: String,
}

impl MailServer {
    pub(crate) fn start() -> Self {
        Self::slow(0.0)
    }

    /// Takes so many seconds to accept each mail.
    pub(crate) fn slow(seconds: f64) -> Self {
        let python = std::env::var("YUEZHI_TEST_PYTHON").expect(
            "YUEZHI_TEST_PYTHON is not set: run ./test, it installs a Python with an SMTP server",
        );
        let folder = tempfile::tempdir().unwrap();
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/smtp_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(folder.path())
            .arg(seconds.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(
            &mut std::io::BufReader::new(child.stdout.take().unwrap()),
            &mut line,
        )
        .unwrap();
        let port = line
            .trim()
            .parse()
            .expect("the SMTP server prints its port");
        Self {
            port,
            folder,
            faults: Mutex::default(),
            child,
        }
    }

    /// Answers `reply` to the next `times` attempts to reach `to` (`*`: anybody), then goes on as usual.
    pub(crate) fn refuse(&self, to: &str, reply: &str, times: Option<u32>) {
        self.faults
            .lock()
            .unwrap()
            .push(json!({ "to": to, "reply": reply, "times": times }));
        self.write_faults();
    }

    /// Refuses nobody any more.
    pub(crate) fn accept_all(&self) {
        self.faults.lock().unwrap().clear();
        self.write_faults();
    }

    fn write_faults(&self) {
        let fresh = self.folder.path().join("faults.new");
        fs::write(
            &fresh,
            serde_json::to_vec(&*self.faults.lock().unwrap()).unwrap(),
        )
        .unwrap();
        fs::rename(fresh, self.folder.path().join("faults.json")).unwrap();
    }

    /// Every mail accepted so far, in order.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        let lines = fs::read_to_string(self.folder.path().join("mails.jsonl")).unwrap_or_default();
        // A line without its end is still being written.
        let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| Mail::of(&serde_json::from_str(line).unwrap()))
            .collect()
    }

    pub(crate) fn mails_to(&self, address: &str) -> Vec<Mail> {
        self.mails()
            .into_iter()
            .filter(|mail| mail.to == address)
            .collect()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Mail {
    fn of(line: &Value) -> Self {
        let raw = STANDARD.decode(line["data"].as_str().unwrap()).unwrap();
        let message = MessageParser::default().parse(&raw).unwrap();
        Self {
            to: line["to"].as_str().unwrap().to_owned(),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap_or_default().into_owned(),
            html: message.body_html(0).unwrap_or_default().into_owned(),
            message_id: message.message_id().unwrap_or_default().to_owned(),
            references: header(&message, "References"),
        }
    }

    /// The path of the first link into this server, its key included.
    pub(crate) fn path(&self) -> String {
        super::path_in(&self.text).unwrap_or_else(|| panic!("no link in:\n{}", self.text))
    }
}

fn header(message: &Message<'_>, name: &str) -> String {
    message
        .header_raw(name)
        .unwrap_or_default()
        .trim()
        .to_owned()
}
