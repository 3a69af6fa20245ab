//! Group robots that were added in the console. Those of the configuration file are not here.
//!
//! Invariant: webhook and secret leave this file only inside a [`Robot`], whose `Debug` does not show them.

use std::fmt;

use yuezhi_domain::UnixMillis;

use crate::{Row, StoreError, Tx, p};

const LIST: &str = "SELECT name, webhook, secret, keywords FROM robots ORDER BY name";
const GET: &str = "SELECT name, webhook, secret, keywords FROM robots WHERE name = ?1";
const UPSERT: &str = "INSERT INTO robots (name, webhook, secret, keywords, created_at, updated_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?5) ON CONFLICT (name) DO UPDATE SET webhook = excluded.webhook, \
     secret = excluded.secret, keywords = excluded.keywords, updated_at = excluded.updated_at";
const DELETE: &str = "DELETE FROM robots WHERE name = ?1";

#[derive(Clone, PartialEq, Eq)]
pub struct Robot {
    pub name: String,
    /// The whole address, with its access token.
    pub webhook: String,
    /// For signing.
    pub secret: Option<String>,
    pub keywords: Vec<String>,
}

impl fmt::Debug for Robot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Robot")
            .field("name", &self.name)
            .field("signed", &self.secret.is_some())
            .field("keywords", &self.keywords)
            .finish_non_exhaustive()
    }
}

fn robot(row: &Row) -> Result<Robot, StoreError> {
    let mut columns = row.columns();
    Ok(Robot {
        name: columns.take()?,
        webhook: columns.take()?,
        secret: columns.take()?,
        keywords: columns.take()?,
    })
}

pub fn upsert(tx: &mut Tx<'_>, robot: &Robot, now: UnixMillis) -> Result<(), StoreError> {
    tx.exec(
        UPSERT,
        p![robot.name, robot.webhook, robot.secret, robot.keywords, now],
    )
    .map(|_| ())
}

pub fn list(tx: &mut Tx<'_>) -> Result<Vec<Robot>, StoreError> {
    tx.read(LIST, p![], robot)
}

pub fn get(tx: &mut Tx<'_>, name: &str) -> Result<Option<Robot>, StoreError> {
    tx.read_opt(GET, p![name], robot)
}

/// Whether it was there.
pub fn delete(tx: &mut Tx<'_>, name: &str) -> Result<bool, StoreError> {
    Ok(tx.exec(DELETE, p![name])? == 1)
}
