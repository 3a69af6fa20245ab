//! A policy's slug: its short name in addresses, on the command line and in front matter.
//!
//! Publishing makes one from the file's name when nobody chose one.
//! Invariant: 1 to 64 of `a-z 0-9 -`, beginning and ending with a letter or digit, no two hyphens in a row.
//! Weakness: a Chinese name has no ASCII form without a dictionary, so it becomes `policy-` and eight digits of its hash.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::content_hash::ContentHash;
use crate::words::serde_as_text;

/// The short name of a policy, unique in an installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slug(String);

/// A text that is no slug, with the nearest one that would be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "\"{text}\" cannot be a policy's short name: use 1 to 64 of a-z, 0-9 and single hyphens, for example \"{nearest}\""
)]
pub struct NotASlug {
    pub text: String,
    pub nearest: Slug,
}

const LONGEST: usize = 64;

impl Slug {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A slug for a new policy that comes as a file: the ASCII of the file's name (without folder and extension) if that is
    /// most of it, else the ASCII of the title (may be empty), else a hash of the name. The same name always gives the
    /// same slug, whatever its Unicode form, so a corrected title does not make a second policy.
    pub fn from_file_name(name: &str, title: &str) -> Self {
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let stem = name
            .rsplit_once('.')
            .map(|(stem, _)| stem)
            .filter(|stem| !stem.is_empty())
            .unwrap_or(name);
        ascii_of(stem)
            .or_else(|| ascii_of(title))
            .unwrap_or_else(|| hashed(stem))
    }

    /// A slug for a title: its ASCII, else a hash.
    pub fn from_title(title: &str) -> Self {
        ascii_of(title).unwrap_or_else(|| hashed(title))
    }

    /// This slug with a number, for a name that is taken: `travel-2`.
    pub fn numbered(&self, number: u32) -> Self {
        let ending = format!("-{number}");
        let kept: String = self.0.chars().take(LONGEST - ending.len()).collect();
        Self(format!("{}{ending}", kept.trim_end_matches('-')))
    }
}

fn plain(text: &str) -> String {
    text.trim().nfkc().collect::<String>().to_lowercase()
}

fn hashed(text: &str) -> Slug {
    let digits: String = ContentHash::of(plain(text))
        .short()
        .chars()
        .take(8)
        .collect();
    Slug(format!("policy-{digits}"))
}

/// The ASCII form, unless what would be lost is most of the name: "2026年差旅费管理办法" must not become "2026".
fn ascii_of(text: &str) -> Option<Slug> {
    let plain = plain(text);
    let letters = |keep: fn(&char) -> bool| plain.chars().filter(keep).count();
    let ascii = letters(char::is_ascii_alphanumeric);
    let foreign = letters(|letter| letter.is_alphanumeric() && !letter.is_ascii());
    (ascii >= 2 && foreign <= ascii / 4).then(|| Slug(hyphenated(&plain)))
}

fn hyphenated(plain: &str) -> String {
    let mut slug = String::new();
    for letter in plain.chars() {
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
        if slug.len() == LONGEST {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

impl FromStr for Slug {
    type Err = NotASlug;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letters = text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        let hyphens = text.starts_with('-') || text.ends_with('-') || text.contains("--");
        if letters && !hyphens && (1..=LONGEST).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotASlug {
                text: text.to_owned(),
                nearest: Self::from_title(text),
            })
        }
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

serde_as_text!(Slug);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_file_gets_a_readable_slug_or_one_of_its_hash() {
        let slug = |name| Slug::from_file_name(name, "").to_string();
        assert_eq!(
            slug("policies/Travel Policy v2.1.docx"),
            "travel-policy-v2-1"
        );
        assert_eq!(slug("IT security & privacy.md"), "it-security-privacy");
        assert_eq!(
            slug("差旅费管理办法.docx"),
            slug("D:\\制度\\差旅费管理办法.pdf")
        );
        assert!(slug("2026年差旅费管理办法.docx").starts_with("policy-"));
        assert_eq!(slug("Ｔｒａｖｅｌ.md"), "travel");
        let titled = Slug::from_file_name("差旅费管理办法.docx", "Travel Policy");
        assert_eq!(titled.as_str(), "travel-policy");
    }

    #[test]
    fn a_refusal_offers_a_slug() {
        let refused = "Travel Policy".parse::<Slug>().unwrap_err();
        assert_eq!(refused.nearest.as_str(), "travel-policy");
        assert_eq!(Slug::from_title("travel").numbered(2).as_str(), "travel-2");
    }

    proptest! {
        #[test]
        fn whatever_the_name_the_slug_is_valid(name in "\\PC{0,90}", title in "\\PC{0,20}", number: u32) {
            let slug = Slug::from_file_name(&name, &title);
            prop_assert_eq!(slug.as_str().parse(), Ok(slug.clone()));
            let numbered = slug.numbered(number);
            prop_assert_eq!(numbered.as_str().parse(), Ok(numbered.clone()));
        }
    }
}
