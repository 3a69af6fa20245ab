//! Reads the text of an audience and says precisely where and why it cannot be read.
//!
//! Grammar: terms separated by commas (`,` `，` `、` `;`) or spaces; `-` before a term excludes; a term is `everyone`,
//! `department:X`, `department-only:X`, `person:X`, their Chinese names, or a bare word. Names with spaces, commas or
//! colons stand in quotes ("…", “…”); a backslash keeps the next letter as it is.
//! Invariant: positions count characters from 1, as a person counts them.

use std::fmt;
use std::iter::Peekable;
use std::str::{Chars, FromStr};

use thiserror::Error;

use super::{Audience, Term};

/// Where and why a text is no audience.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("cannot read the audience at character {position}: expected {expected}, found {found}")]
pub struct AudienceSyntaxError {
    /// Counted in characters, from 1.
    pub position: usize,
    pub expected: Expected,
    /// What stands there, or `the end`.
    pub found: String,
}

/// What would have been right at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Term,
    /// After `department:`, `person:` and their like.
    Name,
    ClosingQuote,
    /// A word before a colon that is none of ours.
    TermWord,
    Separator,
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Term => "everyone, department:NAME or person:NAME",
            Self::Name => "a name or a number",
            Self::ClosingQuote => "the closing quote",
            Self::TermWord => "department:, department-only: or person: before a name",
            Self::Separator => "a comma or a space",
        })
    }
}

impl FromStr for Audience {
    type Err = AudienceSyntaxError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut reader = Reader {
            letters: text.chars().peekable(),
            position: 1,
        };
        let mut audience = Self::default();
        reader.skip_separators();
        while reader.letters.peek().is_some() {
            let excluded = reader.take_if(is_minus);
            let term = reader.term()?;
            let list = if excluded {
                &mut audience.exclude
            } else {
                &mut audience.include
            };
            if !list.contains(&term) {
                list.push(term);
            }
            if reader
                .letters
                .peek()
                .is_some_and(|letter| !is_separator(*letter))
            {
                return Err(reader.error(Expected::Separator));
            }
            reader.skip_separators();
        }
        if audience.include.is_empty() {
            if audience.exclude.is_empty() {
                return Err(reader.error(Expected::Term));
            }
            audience.include.push(Term::Everyone);
        }
        Ok(audience)
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Department,
    DepartmentOnly,
    Person,
}

const KINDS: [(&str, Kind); 12] = [
    ("department", Kind::Department),
    ("dept", Kind::Department),
    ("部门", Kind::Department),
    ("department-only", Kind::DepartmentOnly),
    ("dept-only", Kind::DepartmentOnly),
    ("仅部门", Kind::DepartmentOnly),
    ("仅本部门", Kind::DepartmentOnly),
    ("person", Kind::Person),
    ("user", Kind::Person),
    ("人员", Kind::Person),
    ("员工", Kind::Person),
    ("个人", Kind::Person),
];
const EVERYONE: [&str; 6] = ["everyone", "all", "全员", "所有人", "全体", "全体员工"];

struct Reader<'a> {
    letters: Peekable<Chars<'a>>,
    position: usize,
}

impl Reader<'_> {
    fn term(&mut self) -> Result<Term, AudienceSyntaxError> {
        let start = self.position;
        if self.letters.peek().is_some_and(|letter| is_quote(*letter)) {
            return self.word().map(Term::Named);
        }
        let word = self.bare_word(true);
        let known = |names: &str| names.eq_ignore_ascii_case(&word);
        if self.take_if(is_colon) {
            let Some((_, kind)) = KINDS.iter().find(|(name, _)| known(name)) else {
                let found = format!("\"{word}:\"");
                return Err(AudienceSyntaxError {
                    position: start,
                    expected: Expected::TermWord,
                    found,
                });
            };
            self.skip_spaces();
            let reference = self.word()?;
            return Ok(match kind {
                Kind::Department => Term::Department {
                    reference,
                    with_sub: true,
                },
                Kind::DepartmentOnly => Term::Department {
                    reference,
                    with_sub: false,
                },
                Kind::Person => Term::Person(reference),
            });
        }
        if word.is_empty() {
            Err(self.error(Expected::Term))
        } else if EVERYONE.iter().any(|name| known(name)) {
            Ok(Term::Everyone)
        } else {
            Ok(Term::Named(word))
        }
    }

    /// A reference: a quoted or a bare word, never empty.
    fn word(&mut self) -> Result<String, AudienceSyntaxError> {
        if !self.take_if(is_quote) {
            let word = self.bare_word(false);
            return if word.is_empty() {
                Err(self.error(Expected::Name))
            } else {
                Ok(word)
            };
        }
        let mut word = String::new();
        loop {
            match self.next() {
                None => return Err(self.error(Expected::ClosingQuote)),
                Some('\\') => word.extend(self.next()),
                Some(letter) if is_quote(letter) => break,
                Some(letter) => word.push(letter),
            }
        }
        let trimmed = word.trim();
        if trimmed.is_empty() {
            return Err(self.error(Expected::Name));
        }
        Ok(trimmed.to_owned())
    }

    fn bare_word(&mut self, stop_at_colon: bool) -> String {
        let mut word = String::new();
        while let Some(letter) = self.letters.peek().copied() {
            if is_separator(letter) || is_quote(letter) || (stop_at_colon && is_colon(letter)) {
                break;
            }
            self.next();
            if letter == '\\' {
                word.extend(self.next());
            } else {
                word.push(letter);
            }
        }
        word
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.letters.next();
        self.position += usize::from(letter.is_some());
        letter
    }

    fn take_if(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let take = self.letters.peek().is_some_and(|letter| wanted(*letter));
        if take {
            self.next();
        }
        take
    }

    fn skip_separators(&mut self) {
        while self.take_if(is_separator) {}
    }

    fn skip_spaces(&mut self) {
        while self.take_if(char::is_whitespace) {}
    }

    fn error(&mut self, expected: Expected) -> AudienceSyntaxError {
        let found = self
            .letters
            .peek()
            .map_or_else(|| "the end".to_owned(), |letter| format!("\"{letter}\""));
        AudienceSyntaxError {
            position: self.position,
            expected,
            found,
        }
    }
}

fn is_separator(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, ',' | '，' | '、' | ';' | '；')
}

fn is_quote(letter: char) -> bool {
    matches!(letter, '"' | '“' | '”')
}

fn is_colon(letter: char) -> bool {
    matches!(letter, ':' | '：')
}

fn is_minus(letter: char) -> bool {
    matches!(letter, '-' | '－' | '−')
}

/// A reference after a colon, quoted if it could be misread.
pub(super) fn quoted(reference: &str) -> String {
    let plain = !reference
        .chars()
        .any(|letter| is_separator(letter) || is_quote(letter) || letter == '\\');
    if plain && !reference.is_empty() {
        return reference.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in reference.chars() {
        if is_quote(letter) || letter == '\\' {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

/// A bare word, quoted if it could be taken for a term's word, an exclusion or a `kind:name`.
pub(super) fn quoted_bare(reference: &str) -> String {
    let reserved = EVERYONE
        .iter()
        .any(|name| name.eq_ignore_ascii_case(reference));
    if reserved || reference.starts_with(is_minus) || reference.contains(is_colon) {
        format!(
            "\"{}\"",
            reference
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('“', "\\“")
                .replace('”', "\\”")
        )
    } else {
        quoted(reference)
    }
}
