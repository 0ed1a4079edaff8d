//! Bytes to text: what is no text at all is refused with a sentence, what is nearly text is read with a remark.

use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Code, Diagnostic, Severity};
use super::report::Report;
use super::source::{FileId, Span};

/// Past this share of odd bytes (one in so many) it is not text in another encoding but no text.
const ODD_SHARE: usize = 3;

/// Keeps the text of a file for the report.
///
/// # Errors
/// What to say if it is not text.
pub(super) fn text(bytes: Vec<u8>, path: &Path, report: &mut Report) -> Result<FileId, Diagnostic> {
    let shown = path.display();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Diagnostic::placeless(Severity::Error, Code::Binary, format!("{shown} is UTF-16"))
            .help("save it as UTF-8 (`iconv -f UTF-16 -t UTF-8`)"));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Diagnostic::placeless(Severity::Error, Code::Binary, format!("{shown} is binary: byte {at} is 0"))
            .help("a configuration is text; check that the right file was named"));
    }
    let text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = error.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            let odd = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
            if odd > text.chars().count() / ODD_SHARE {
                return Err(Diagnostic::placeless(Severity::Error, Code::Binary, format!("{shown} is not text"))
                    .help("a configuration is text in UTF-8; check that the right file was named"));
            }
            let id = report.files_mut().add(path, Arc::new(text));
            let span = Span::new(id, valid..valid + char::REPLACEMENT_CHARACTER.len_utf8());
            report.add(
                Diagnostic::warning(Code::Encoding, span, format!("{odd} bytes of this file are not UTF-8"))
                    .mark("the first of them")
                    .help("read with `\u{fffd}` in their place; save the file as UTF-8"),
            );
            return Ok(id);
        }
    };
    Ok(report.files_mut().add(path, Arc::new(text)))
}
