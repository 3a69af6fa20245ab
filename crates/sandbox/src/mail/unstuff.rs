//! The text of a mail after DATA: ends at a line with nothing but a dot, and every line's first dot is stuffing.
//!
//! Invariant: only CRLF ends a line here (RFC 5321 §2.3.8), so no lone LF or CR can smuggle a second mail in.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    LineStart,
    /// After a dot that began a line.
    Dot,
    DotCr,
    Cr,
    Middle,
}

/// Takes bytes as they arrive until the end is seen.
#[derive(Debug)]
pub(super) struct Unstuffer {
    at: At,
    bytes: Vec<u8>,
    limit: usize,
    /// Bytes of the text, kept or not.
    pub(super) length: usize,
}

impl Unstuffer {
    /// Keeps at most `limit` bytes; more are counted and dropped.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            at: At::LineStart,
            bytes: Vec::new(),
            limit,
            length: 0,
        }
    }

    /// How many of these bytes belong to the mail, its end included; and whether the end was among them.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (position, byte) in chunk.iter().enumerate() {
            if self.step(*byte) {
                return (position + 1, true);
            }
        }
        (chunk.len(), false)
    }

    /// The mail, or nothing where it was too large.
    pub(super) fn finish(self) -> Option<Vec<u8>> {
        (self.length <= self.limit).then_some(self.bytes)
    }

    fn step(&mut self, byte: u8) -> bool {
        match (self.at, byte) {
            (At::LineStart, b'.') => self.at = At::Dot,
            (At::Dot, b'\r') => self.at = At::DotCr,
            (At::DotCr, b'\n') => return true,
            (At::DotCr, byte) => {
                self.keep(b'\r');
                self.at = At::Cr;
                return self.step(byte);
            }
            (At::Cr, b'\n') => {
                self.keep(byte);
                self.at = At::LineStart;
            }
            (_, b'\r') => {
                self.keep(byte);
                self.at = At::Cr;
            }
            (_, byte) => {
                self.keep(byte);
                self.at = At::Middle;
            }
        }
        false
    }

    fn keep(&mut self, byte: u8) {
        self.length += 1;
        if self.length <= self.limit {
            self.bytes.push(byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Unstuffer;

    fn unstuff(text: &[u8], piece: usize) -> Option<(Vec<u8>, usize)> {
        let mut unstuffer = Unstuffer::new(1_000_000);
        let mut taken = 0;
        for chunk in text.chunks(piece) {
            let (used, ended) = unstuffer.feed(chunk);
            taken += used;
            if ended {
                return Some((unstuffer.finish().unwrap(), taken));
            }
        }
        None
    }

    #[test]
    fn a_lone_dot_between_crlf_ends_the_mail_and_nothing_else_does() {
        let whole = |text: &str| {
            unstuff(text.as_bytes(), 3).map(|(mail, _)| String::from_utf8(mail).unwrap())
        };
        assert_eq!(whole(".\r\n").as_deref(), Some(""));
        assert_eq!(
            whole("a\r\n..b\r\n.\r\nQUIT\r\n").as_deref(),
            Some("a\r\n.b\r\n")
        );
        assert_eq!(whole("a\n.\nb\r\n.\r\n").as_deref(), Some("a\n.\nb\r\n"));
        assert_eq!(
            whole("a\n.\r\nb\r\n.\r\n").as_deref(),
            Some("a\n.\r\nb\r\n")
        );
        assert_eq!(whole("a\r\n.\rb\r\n.\r\n").as_deref(), Some("a\r\n\rb\r\n"));
        assert_eq!(whole("a\r\n.\n"), None);
    }

    #[test]
    fn a_mail_over_the_limit_is_counted_and_dropped() {
        let mut unstuffer = Unstuffer::new(4);
        assert_eq!(unstuffer.feed(b"abcdef\r\n.\r\n"), (11, true));
        assert_eq!((unstuffer.length, unstuffer.finish()), (8, None));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_was_stuffed_comes_out_as_it_was(lines in prop::collection::vec("[.a\r]{0,4}", 0..8), piece in 1_usize..9) {
            let mail = lines.join("\r\n") + "\r\n";
            let mut stuffed = String::new();
            for line in mail.split_inclusive("\r\n") {
                stuffed.push_str(if line.starts_with('.') { "." } else { "" });
                stuffed.push_str(line);
            }
            let sent = format!("{stuffed}.\r\nNOOP");
            prop_assert_eq!(unstuff(sent.as_bytes(), piece), Some((mail.into_bytes(), sent.len() - 4)));
        }
    }
}
