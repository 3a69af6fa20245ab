//! What the store's tests share.

use yuezhi_store::{Db, Scratch};

/// Runs `story` on a fresh database of each engine.
pub(crate) fn for_each_engine(story: impl Fn(&Scratch, Db)) {
    let folder = tempfile::tempdir().unwrap();
    for scratch in Scratch::for_each_engine(folder.path()) {
        let db = scratch.open().unwrap();
        println!("-- {}", db.dialect().as_str());
        story(&scratch, db);
    }
}
