//! Shows what this crate makes of a file, or of two versions of it:
//! `cargo run -p yuezhi-documents --example compare -- OLD [NEW] [--html]`.

use std::path::Path;

use yuezhi_documents::{
    ChangeKind, Clause, DiffLabels, Document, Language, Limits, Segment, diff, read,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let files: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let html = arguments.iter().any(|a| a == "--html");
    match files.as_slice() {
        [file] if html => println!("{}", open(file)?.html()),
        [file] => show(&open(file)?),
        [old, new] => {
            let changes = diff(&open(old)?.clauses(), &open(new)?.clauses());
            if html {
                println!("{}", changes.html(&DiffLabels::chinese()));
            } else {
                show_changes(&changes);
            }
        }
        _ => println!("usage: compare OLD [NEW] [--html]"),
    }
    Ok(())
}

fn open(file: &str) -> Result<Document, Box<dyn std::error::Error>> {
    let name = Path::new(file)
        .file_name()
        .and_then(|n| n.to_str())
        .unwrap_or(file);
    Ok(read(name, &std::fs::read(file)?, &Limits::default())?)
}

fn show(document: &Document) {
    println!(
        "{:?} {:?} {:?}",
        document.format, document.title, document.warnings
    );
    for Clause {
        label,
        kind,
        path,
        heading,
        text,
        anchor,
        ..
    } in document.clauses()
    {
        let heading = heading.map(|h| format!("## {h}")).unwrap_or_default();
        println!(
            "{anchor}\t{kind:?}\t{}\t{}\t{heading}{text}",
            path.join("/"),
            label.unwrap_or_default()
        );
    }
}

fn show_changes(changes: &yuezhi_documents::Diff) {
    for change in &changes.changes {
        if change.kind == ChangeKind::Unchanged {
            continue;
        }
        let name = |c: &Option<yuezhi_documents::ClauseRef>| {
            c.as_ref().map_or("-".to_owned(), |c| {
                format!(
                    "{}/{}",
                    c.path.join("/"),
                    c.label.clone().unwrap_or_default()
                )
            })
        };
        println!(
            "{:?}: {} => {}",
            change.kind,
            name(&change.old),
            name(&change.new)
        );
        if change.kind == ChangeKind::Renumbered {
            continue;
        }
        let words: String = change
            .segments
            .iter()
            .map(|segment| match segment {
                Segment::Same(text) => text.clone(),
                Segment::Inserted(text) => format!("{{+{text}+}}"),
                Segment::Deleted(text) => format!("[-{text}-]"),
            })
            .collect();
        println!("    {words}");
    }
    println!("{:?}", changes.counts());
    println!("{}", changes.proposed_summary(Language::Chinese));
    println!("{}", changes.proposed_summary(Language::English));
}
