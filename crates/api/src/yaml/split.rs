//! Cuts a file into its documents, so that a syntax error ends only the document that it is in.
//!
//! A line that begins with `---` (or `...`) and a blank is a marker wherever it stands: YAML allows
//! no scalar to contain one (YAML 1.2.2, 9.1.2). So no parsing is needed to find it.

/// A part of a file that holds at most one document in the usual case.
#[derive(Debug, PartialEq)]
pub(crate) struct Chunk<'t> {
    pub text: &'t str,
    /// Lines of the file before this part.
    pub lines_before: usize,
}

pub(crate) fn split(text: &str) -> Vec<Chunk<'_>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut chunks = Vec::new();
    let (mut start, mut start_line) = (0, 0);
    let (mut at, mut line_number) = (0, 0);
    let mut only_directives = true;
    for line in text.split_inclusive('\n') {
        let end = at + line.len();
        if is_marker(line, "---") {
            // Directives stand before the marker of the document that they are for.
            if !only_directives {
                chunks.push(Chunk { text: &text[start..at], lines_before: start_line });
                (start, start_line) = (at, line_number);
            }
            only_directives = false;
        } else if is_marker(line, "...") {
            chunks.push(Chunk { text: &text[start..end], lines_before: start_line });
            (start, start_line) = (end, line_number + 1);
            only_directives = true;
        } else if !matches!(line.trim_start().as_bytes().first(), None | Some(b'#' | b'%')) {
            only_directives = false;
        }
        at = end;
        line_number += 1;
    }
    if start < text.len() {
        chunks.push(Chunk { text: &text[start..], lines_before: start_line });
    }
    chunks
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<(&str, usize)> {
        split(text).into_iter().map(|chunk| (chunk.text, chunk.lines_before)).collect()
    }

    #[test]
    fn markers_begin_documents() {
        assert_eq!(parts("a: 1\n---\nb: 2\n--- c\n"), [("a: 1\n", 0), ("---\nb: 2\n", 1), ("--- c\n", 3)]);
        assert_eq!(parts("---\r\na\r\n---\r\nb"), [("---\r\na\r\n", 0), ("---\r\nb", 2)]);
    }

    #[test]
    fn what_only_looks_like_a_marker_is_left_alone() {
        assert_eq!(parts("a: |\n  x\n ---\n---x\n").len(), 1);
        assert_eq!(parts("").len(), 0);
    }

    #[test]
    fn directives_and_comments_stay_with_their_document() {
        assert_eq!(parts("# c\n%YAML 1.1\n---\na\n"), [("# c\n%YAML 1.1\n---\na\n", 0)]);
        assert_eq!(parts("a\n...\n%YAML 1.1\n---\nb\n"), [("a\n...\n", 0), ("%YAML 1.1\n---\nb\n", 2)]);
    }
}
