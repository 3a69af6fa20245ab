//! What must be true of a PDF before it is handed to the extractor.
//!
//! Called by the PDF reader. The extractor inflates without bound, follows parents and forms without
//! looking for circles, and panics on colour spaces it does not know; so streams are measured first, and
//! then everything but text is taken out of the page contents.
//! Invariant: after `keep_text_only` no form can reach itself. Weakness: a bomb behind two filters of
//! different kinds in an object stream is not measured.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use pdf_extract::content::{Content, Operation};
use pdf_extract::{Dictionary, Document as Pdf, Object, ObjectId};

use crate::format::find;
use crate::{Limits, ReadError};

/// Inflates every stream that starts like a zlib stream, into nothing, and adds up what comes out.
pub(super) fn check_streams(bytes: &[u8], limits: &Limits) -> Result<(), ReadError> {
    const MAX_LZW_FILE: usize = 1024 * 1024;
    if find(bytes, b"LZWDecode").is_some() && bytes.len() > MAX_LZW_FILE {
        return Err(ReadError::too_complex(
            "it uses an old compression (LZW); export it again",
        ));
    }
    let mut left = limits.max_unpacked_bytes;
    let mut rest = bytes;
    while let Some(at) = find(rest, b"stream") {
        rest = rest.get(at + b"stream".len()..).unwrap_or_default();
        let start = rest
            .iter()
            .position(|b| !matches!(b, b'\r' | b'\n'))
            .unwrap_or(0)
            .min(2);
        let data = rest.get(start..).unwrap_or_default();
        // RFC 1950: compression method 8, header divisible by 31.
        let is_zlib = matches!(data, [a, b, ..] if a & 0x0f == 8 && (u32::from(*a) * 256 + u32::from(*b)).is_multiple_of(31));
        if !is_zlib {
            continue;
        }
        let mut inflater = flate2::read::ZlibDecoder::new(data);
        let mut head = Vec::new();
        let read = (&mut inflater)
            .take(4096)
            .read_to_end(&mut head)
            .unwrap_or(0) as u64;
        let more = std::io::copy(&mut inflater.take(left + 1), &mut std::io::sink()).unwrap_or(0);
        if read + more > left {
            return Err(ReadError::too_complex(
                "its streams unpack to more than the limit",
            ));
        }
        left -= read + more;
        if matches!(head.as_slice(), [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) && more > 0 {
            return Err(ReadError::too_complex("a stream in it is compressed twice"));
        }
    }
    Ok(())
}

/// The same for a file whose streams were encrypted while [`check_streams`] looked at it.
pub(super) fn check_decrypted(pdf: &Pdf, limits: &Limits) -> Result<(), ReadError> {
    let mut left = limits.max_unpacked_bytes;
    for stream in pdf
        .objects
        .values()
        .filter_map(|object| object.as_stream().ok())
    {
        let inflater = flate2::read::ZlibDecoder::new(stream.content.as_slice());
        let unpacked =
            std::io::copy(&mut inflater.take(left + 1), &mut std::io::sink()).unwrap_or(0);
        if unpacked > left {
            return Err(ReadError::too_complex(
                "its streams unpack to more than the limit",
            ));
        }
        left -= unpacked;
    }
    Ok(())
}

/// Takes pictures, colours and paths out of the contents. Returns the pages that show pictures.
pub(super) fn keep_text_only(
    pdf: &mut Pdf,
    limits: &Limits,
) -> Result<HashSet<ObjectId>, ReadError> {
    let forms = forms(pdf);
    let mut budget = limits.max_elements;
    let mut form_calls: HashMap<ObjectId, Vec<ObjectId>> = HashMap::new();
    let mut shows_picture: HashSet<ObjectId> = HashSet::new();
    let mut replaced: Vec<(ObjectId, Vec<u8>)> = Vec::new();
    for &id in &forms {
        let Ok(stream) = pdf.get_object(id).and_then(Object::as_stream) else {
            continue;
        };
        let content = stream
            .decompressed_content()
            .unwrap_or_else(|_| stream.content.clone());
        let xobjects = xobjects(pdf, stream.dict.get(b"Resources").ok());
        let kept = text_operations(&content, &xobjects, &forms, &mut budget)?;
        form_calls.insert(id, kept.forms);
        if kept.shows_picture {
            shows_picture.insert(id);
        }
        replaced.push((id, kept.content));
    }
    let expansion = expand(&form_calls)?;
    let page_ids: Vec<ObjectId> = pdf.page_iter().collect();
    let mut pages_with_pictures = HashSet::new();
    let mut work = 0usize;
    for &page in &page_ids {
        let resources = inherited(pdf, page, b"Resources")?;
        inherited(pdf, page, b"MediaBox")?;
        let xobjects = xobjects(pdf, resources);
        let content = pdf.get_page_content(page).unwrap_or_default();
        let kept = text_operations(&content, &xobjects, &forms, &mut budget)?;
        if kept.shows_picture || kept.forms.iter().any(|form| shows_picture.contains(form)) {
            pages_with_pictures.insert(page);
        }
        work = kept.forms.iter().fold(work, |sum, form| {
            sum.saturating_add(*expansion.get(form).unwrap_or(&1))
        });
        if work > limits.max_elements {
            return Err(ReadError::too_complex(
                "its forms repeat themselves too often",
            ));
        }
        let stream = pdf_extract::Stream::new(Dictionary::new(), kept.content);
        let new_id = pdf.add_object(stream);
        if let Ok(dictionary) = pdf.get_object_mut(page).and_then(Object::as_dict_mut) {
            dictionary.set("Contents", Object::Reference(new_id));
        }
    }
    for (id, content) in replaced {
        if let Ok(stream) = pdf.get_object_mut(id).and_then(Object::as_stream_mut) {
            stream.dict.remove(b"Filter");
            stream.dict.remove(b"DecodeParms");
            stream.set_content(content);
        }
    }
    Ok(pages_with_pictures)
}

fn forms(pdf: &Pdf) -> HashSet<ObjectId> {
    let is_form = |object: &Object| {
        object.as_stream().is_ok_and(|s| {
            s.dict
                .get(b"Subtype")
                .and_then(Object::as_name)
                .is_ok_and(|n| n == b"Form")
        })
    };
    pdf.objects
        .iter()
        .filter(|(_, object)| is_form(object))
        .map(|(id, _)| *id)
        .collect()
}

/// Names of external objects to their ids.
fn xobjects(pdf: &Pdf, resources: Option<&Object>) -> HashMap<Vec<u8>, ObjectId> {
    let dictionary = |object: &Object| {
        pdf.dereference(object)
            .ok()
            .and_then(|(_, o)| o.as_dict().ok().cloned())
    };
    let listed = resources
        .and_then(dictionary)
        .and_then(|r| r.get(b"XObject").ok().and_then(dictionary));
    let listed = listed.unwrap_or_default();
    listed
        .iter()
        .filter_map(|(name, object)| Some((name.clone(), object.as_reference().ok()?)))
        .collect()
}

struct Kept {
    content: Vec<u8>,
    forms: Vec<ObjectId>,
    shows_picture: bool,
}

fn text_operations(
    content: &[u8],
    xobjects: &HashMap<Vec<u8>, ObjectId>,
    forms: &HashSet<ObjectId>,
    budget: &mut usize,
) -> Result<Kept, ReadError> {
    const TEXT: [&str; 21] = [
        "q", "Q", "cm", "BT", "ET", "Tc", "Tw", "Tz", "TL", "Tf", "Tr", "Ts", "Td", "TD", "Tm",
        "T*", "Tj", "TJ", "'", "\"", "Do",
    ];
    let operations = Content::decode(content)
        .map(|content| content.operations)
        .unwrap_or_default();
    *budget = budget
        .checked_sub(operations.len())
        .ok_or_else(|| ReadError::too_complex("its pages have too many operations"))?;
    let mut kept: Vec<Operation> = Vec::new();
    let mut called = Vec::new();
    let mut shows_picture = false;
    let mut saved = 0usize;
    for operation in operations {
        match operation.operator.as_str() {
            "Do" => {
                let name = operation.operands.first().and_then(|o| o.as_name().ok());
                let target = name.and_then(|name| xobjects.get(name));
                match target {
                    Some(id) if forms.contains(id) => called.push(*id),
                    Some(_) => {
                        shows_picture = true;
                        continue;
                    }
                    None => continue,
                }
            }
            "BI" => shows_picture = true,
            "q" => saved += 1,
            // More restored than saved makes the extractor panic.
            "Q" if saved == 0 => continue,
            "Q" => saved -= 1,
            _ => {}
        }
        if TEXT.contains(&operation.operator.as_str()) {
            kept.push(operation);
        }
    }
    let content = Content { operations: kept }.encode().unwrap_or_default();
    Ok(Kept {
        content,
        forms: called,
        shows_picture,
    })
}

/// How many forms are drawn for each form, itself included; an error if one draws itself.
fn expand(calls: &HashMap<ObjectId, Vec<ObjectId>>) -> Result<HashMap<ObjectId, usize>, ReadError> {
    const MAX_FORM_DEPTH: usize = 30;
    let mut sizes: HashMap<ObjectId, usize> = calls.keys().map(|id| (*id, 1)).collect();
    // After n rounds every form of depth n is right; what still grows then is a circle.
    for _ in 0..MAX_FORM_DEPTH {
        let next: HashMap<ObjectId, usize> = calls
            .iter()
            .map(|(id, inner)| {
                let sum = inner.iter().fold(1usize, |sum, form| {
                    sum.saturating_add(*sizes.get(form).unwrap_or(&1))
                });
                (*id, sum)
            })
            .collect();
        if next == sizes {
            return Ok(sizes);
        }
        sizes = next;
    }
    Err(ReadError::too_complex("its forms contain themselves"))
}

/// A property of the page or of what it is under; an error if the chain of parents does not end.
fn inherited<'p>(
    pdf: &'p Pdf,
    page: ObjectId,
    key: &[u8],
) -> Result<Option<&'p Object>, ReadError> {
    const MAX_PARENTS: usize = 300;
    let mut id = page;
    for _ in 0..MAX_PARENTS {
        let Ok(dictionary) = pdf.get_dictionary(id) else {
            return Ok(None);
        };
        if let Ok(found) = dictionary.get(key) {
            return Ok(Some(found));
        }
        match dictionary.get(b"Parent").and_then(Object::as_reference) {
            Ok(parent) => id = parent,
            Err(_) => return Ok(None),
        }
    }
    Err(ReadError::too_complex("its page tree runs in a circle"))
}
