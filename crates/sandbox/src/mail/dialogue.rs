//! What the mail server answers to each command: RFC 5321, with PIPELINING, 8BITMIME, SIZE and SMTPUTF8.
//!
//! `smtp` reads the lines and asks [`Dialogue::answer`]. Pure, so that every answer is a unit test.
//! Invariant: a mail has at least one recipient, and each of them is somebody's address.

/// The largest mail, in bytes; announced as SIZE.
pub(super) const LARGEST: usize = 25 * 1024 * 1024;
/// RFC 5321 §4.5.3.1.8 asks for at least a hundred.
const RECIPIENTS: usize = 1_000;
/// After so many refused commands the connection ends.
const PATIENCE: usize = 20;

/// A sender and its recipients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Envelope {
    pub(super) from: String,
    pub(super) to: Vec<String>,
}

/// What happens after the answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    Continue,
    /// The text of the mail follows.
    Data(Envelope),
    Close,
}

/// One connection's talk.
#[derive(Debug, Default)]
pub(super) struct Dialogue {
    envelope: Option<Envelope>,
    refused: usize,
}

impl Dialogue {
    /// Answers a command line (without its end). `knows` says whether an address is somebody's.
    pub(super) fn answer(&mut self, line: &str, knows: impl Fn(&str) -> bool) -> (String, Then) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let rest = rest.trim();
        let (reply, then) = match verb.to_ascii_uppercase().as_str() {
            "EHLO" => self.greet(rest, true),
            "HELO" => self.greet(rest, false),
            "MAIL" => (self.mail(rest), Then::Continue),
            "RCPT" => (self.rcpt(rest, knows), Then::Continue),
            "DATA" => self.data(rest),
            "RSET" => {
                self.envelope = None;
                ("250 2.0.0 forgotten".to_owned(), Then::Continue)
            }
            "NOOP" => ("250 2.0.0 nothing done".to_owned(), Then::Continue),
            "QUIT" => ("221 2.0.0 goodbye".to_owned(), Then::Close),
            "VRFY" => ("252 2.5.2 send to it and see".to_owned(), Then::Continue),
            "HELP" => (
                "214 2.0.0 EHLO MAIL RCPT DATA RSET NOOP QUIT".to_owned(),
                Then::Continue,
            ),
            "STARTTLS" | "AUTH" | "BDAT" | "EXPN" => (
                "502 5.5.1 this server does not offer that".to_owned(),
                Then::Continue,
            ),
            _ => (
                "500 5.5.2 command not recognised".to_owned(),
                Then::Continue,
            ),
        };
        self.refused += usize::from(reply.starts_with('5'));
        if self.refused >= PATIENCE && then == Then::Continue {
            return (
                "421 4.7.0 too many refused commands, goodbye".to_owned(),
                Then::Close,
            );
        }
        (reply, then)
    }

    fn greet(&mut self, name: &str, extended: bool) -> (String, Then) {
        if name.is_empty() {
            return ("501 5.5.4 say who you are".to_owned(), Then::Continue);
        }
        self.envelope = None;
        let reply = if extended {
            format!(
                "250-sandbox greets you\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
                 250-ENHANCEDSTATUSCODES\r\n250 SIZE {LARGEST}"
            )
        } else {
            "250 sandbox greets you".to_owned()
        };
        (reply, Then::Continue)
    }

    fn mail(&mut self, rest: &str) -> String {
        if self.envelope.is_some() {
            return "503 5.5.1 a mail is under way; RSET forgets it".to_owned();
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return "501 5.5.4 MAIL FROM:<address> is expected".to_owned();
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match name.to_ascii_uppercase().as_str() {
                "SIZE" => match value.parse::<usize>() {
                    Ok(size) if size > LARGEST => return too_large(),
                    Ok(_) => {}
                    Err(_) => return "501 5.5.4 SIZE is a number of bytes".to_owned(),
                },
                "BODY" if matches!(value.to_ascii_uppercase().as_str(), "7BIT" | "8BITMIME") => {}
                "SMTPUTF8" => {}
                _ => return "555 5.5.4 that parameter is not known here".to_owned(),
            }
        }
        self.envelope = Some(Envelope {
            from: from.to_owned(),
            to: Vec::new(),
        });
        "250 2.1.0 sender taken".to_owned()
    }

    fn rcpt(&mut self, rest: &str, knows: impl Fn(&str) -> bool) -> String {
        let Some(envelope) = &mut self.envelope else {
            return "503 5.5.1 MAIL comes first".to_owned();
        };
        let Some((to, parameters)) = path(rest, "TO:").filter(|(to, _)| !to.is_empty()) else {
            return "501 5.5.4 RCPT TO:<address> is expected".to_owned();
        };
        if !parameters.is_empty() {
            return "555 5.5.4 that parameter is not known here".to_owned();
        }
        if !knows(to) {
            return format!("550 5.1.1 <{to}>: nobody in the organisation has this address");
        }
        if envelope.to.len() >= RECIPIENTS {
            return "452 4.5.3 too many recipients; send to the others in another mail".to_owned();
        }
        if !envelope
            .to
            .iter()
            .any(|known| known.eq_ignore_ascii_case(to))
        {
            envelope.to.push(to.to_owned());
        }
        "250 2.1.5 recipient taken".to_owned()
    }

    fn data(&mut self, rest: &str) -> (String, Then) {
        if !rest.is_empty() {
            return ("501 5.5.4 DATA stands alone".to_owned(), Then::Continue);
        }
        match self.envelope.take() {
            None => (
                "503 5.5.1 MAIL and RCPT come first".to_owned(),
                Then::Continue,
            ),
            Some(envelope) if envelope.to.is_empty() => {
                self.envelope = Some(envelope);
                ("554 5.5.1 no valid recipients".to_owned(), Then::Continue)
            }
            Some(envelope) => (
                "354 go on, end with a dot on a line of its own".to_owned(),
                Then::Data(envelope),
            ),
        }
    }
}

pub(super) fn too_large() -> String {
    format!("552 5.3.4 a mail may have {LARGEST} bytes at most")
}

/// `FROM:<a@b> SIZE=1` → the address and what follows it. A source route (`<@relay:a@b>`) is dropped, as the RFC says.
fn path<'a>(text: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (head, after) = text.split_once(':')?;
    if !format!("{head}:").eq_ignore_ascii_case(keyword) {
        return None;
    }
    let (address, parameters) = after.trim_start().strip_prefix('<')?.split_once('>')?;
    let address = match address.strip_prefix('@') {
        Some(routed) => routed.split_once(':')?.1,
        None => address,
    };
    let is_address = address.is_empty()
        || address
            .rsplit_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let is_plain = !address
        .chars()
        .any(|letter| letter.is_control() || letter.is_whitespace());
    (is_address && is_plain).then_some((address, parameters.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talk(lines: &[&str]) -> Vec<String> {
        let mut dialogue = Dialogue::default();
        let answers = lines.iter().map(|line| {
            dialogue
                .answer(line, |address| address.ends_with("@yunshan.example"))
                .0
        });
        answers
            .map(|reply| {
                reply
                    .chars()
                    .take(9)
                    .collect::<String>()
                    .trim_end()
                    .to_owned()
            })
            .collect()
    }

    #[test]
    fn commands_are_refused_out_of_order() {
        let answers = talk(&[
            "EHLO",
            "EHLO x",
            "RCPT TO:<lina@yunshan.example>",
            "DATA",
            "MAIL FROM:<>",
            "MAIL FROM:<a@b>",
            "DATA",
        ]);
        let codes: Vec<&str> = answers
            .iter()
            .map(|answer| answer.get(..3).unwrap())
            .collect();
        assert_eq!(codes, ["501", "250", "503", "503", "250", "503", "554"]);
    }

    #[test]
    fn an_address_that_is_nobodys_is_refused_and_the_others_are_taken() {
        let mut dialogue = Dialogue::default();
        let knows = |address: &str| address.eq_ignore_ascii_case("lina@yunshan.example");
        for line in [
            "EHLO x",
            "MAIL FROM:<policy@yunshan.example> SIZE=100 BODY=8BITMIME",
            "rcpt to:<LiNa@Yunshan.Example>",
            "RCPT TO:<@relay:lina@yunshan.example>",
        ] {
            assert!(dialogue.answer(line, knows).0.starts_with("250"), "{line}");
        }
        let (refusal, _) = dialogue.answer("RCPT TO:<nobody@yunshan.example>", knows);
        assert!(
            refusal.starts_with("550 5.1.1 <nobody@yunshan.example>"),
            "{refusal}"
        );
        let envelope = Envelope {
            from: "policy@yunshan.example".into(),
            to: vec!["LiNa@Yunshan.Example".into()],
        };
        assert_eq!(dialogue.answer("DATA", knows).1, Then::Data(envelope));
        assert!(
            dialogue.answer("DATA", knows).0.starts_with("503"),
            "the envelope is used once"
        );
    }

    #[test]
    fn sizes_and_parameters_are_checked() {
        let over = format!("MAIL FROM:<a@b> SIZE={}", LARGEST + 1);
        assert_eq!(
            talk(&[
                "EHLO x",
                &over,
                "MAIL FROM:<a@b> SIZE=x",
                "MAIL FROM:<a@b> FOO=1",
                "MAIL FROM: a@b",
                "MAIL FROM:<a b@c>",
                "MAIL TO:<a@b>",
                "STARTTLS",
                "FOO",
                "NOOP",
                "RSET",
                "QUIT"
            ])[1..],
            [
                "552 5.3.4",
                "501 5.5.4",
                "555 5.5.4",
                "501 5.5.4",
                "501 5.5.4",
                "501 5.5.4",
                "502 5.5.1",
                "500 5.5.2",
                "250 2.0.0",
                "250 2.0.0",
                "221 2.0.0"
            ]
        );
    }

    #[test]
    fn recipients_and_patience_are_bounded() {
        let mut dialogue = Dialogue::default();
        dialogue.answer("EHLO x", |_| true);
        dialogue.answer("MAIL FROM:<a@b>", |_| true);
        for number in 0..RECIPIENTS {
            assert!(
                dialogue
                    .answer(&format!("RCPT TO:<{number}@b>"), |_| true)
                    .0
                    .starts_with("250")
            );
        }
        assert!(
            dialogue
                .answer("RCPT TO:<more@b>", |_| true)
                .0
                .starts_with("452")
        );
        let ends = (0..PATIENCE)
            .map(|_| dialogue.answer("GET / HTTP/1.1", |_| true).1)
            .filter(|then| *then == Then::Close);
        assert_eq!(ends.count(), 1);
    }
}
