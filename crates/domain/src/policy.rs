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

    /// A slug for a file: of its name without folder and extension if that holds enough ASCII, else of its hash.
    /// The same name always gives the same slug, whatever its Unicode form.
    pub fn of_file_name(name: &str) -> Self {
        let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        Self::of_title(if stem.is_empty() { name } else { stem })
    }

    /// A slug for a title, by the same rule.
    pub fn of_title(title: &str) -> Self {
        let plain: String = title.trim().nfkc().collect::<String>().to_lowercase();
        let letters = |keep: fn(&char) -> bool| plain.chars().filter(keep).count();
        let ascii = letters(char::is_ascii_alphanumeric);
        let foreign = letters(|letter| letter.is_alphanumeric() && !letter.is_ascii());
        // "2026年差旅费管理办法" must not become "2026": what is lost would be most of the name.
        if ascii < 2 || foreign > ascii / 4 {
            let digits: String = ContentHash::of(&plain).short().chars().take(8).collect();
            return Self(format!("policy-{digits}"));
        }
        Self(hyphenated(&plain))
    }

    /// This slug with a number, for a name that is taken: `travel-2`.
    pub fn numbered(&self, number: u32) -> Self {
        let ending = format!("-{number}");
        let kept: String = self.0.chars().take(LONGEST - ending.len()).collect();
        Self(format!("{}{ending}", kept.trim_end_matches('-')))
    }
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
                nearest: Self::of_title(text),
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
        let slug = |name| Slug::of_file_name(name).to_string();
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
    }

    #[test]
    fn a_refusal_offers_a_slug() {
        let refused = "Travel Policy".parse::<Slug>().unwrap_err();
        assert_eq!(refused.nearest.as_str(), "travel-policy");
        assert_eq!(Slug::of_title("travel").numbered(2).as_str(), "travel-2");
    }

    proptest! {
        #[test]
        fn whatever_the_name_the_slug_is_valid(name in "\\PC{0,90}", number: u32) {
            let slug = Slug::of_file_name(&name);
            prop_assert_eq!(slug.as_str().parse(), Ok(slug.clone()));
            let numbered = slug.numbered(number);
            prop_assert_eq!(numbered.as_str().parse(), Ok(numbered.clone()));
        }
    }
}
