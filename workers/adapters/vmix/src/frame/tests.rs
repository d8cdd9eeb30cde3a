use super::*;

fn decode(pieces: &[&[u8]]) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = Decoder::default();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.feed(piece);
        while let Some(frame) = decoder.next()? {
            frames.push(frame);
        }
    }
    Ok(frames)
}

fn ok(verb: Verb, text: &str) -> Frame {
    Frame { verb, answer: Answer::Ok(text.into()) }
}

const STREAM: &str = "VERSION OK 29.0.0.49\r\nXML 20\r\n<vmix>é\r\n☕</vmix\r\nTALLY OK 012\r\nFUNCTION ER no such\r\n";

fn stream() -> Vec<Frame> {
    vec![
        ok(Verb::Version, "29.0.0.49"),
        Frame { verb: Verb::Xml, answer: Answer::Body("<vmix>é\r\n☕</vmix".into()) },
        ok(Verb::Tally, "012"),
        Frame { verb: Verb::Function, answer: Answer::Refused("no such".into()) },
    ]
}

#[test]
fn bodies_are_counted_in_bytes_wherever_the_stream_is_cut() {
    let bytes = STREAM.replace("XML 20", &format!("XML {}", "<vmix>é\r\n☕</vmix\r\n".len()));
    for size in 1..bytes.len() {
        let pieces: Vec<&[u8]> = bytes.as_bytes().chunks(size).collect();
        assert_eq!(decode(&pieces).unwrap(), stream(), "in pieces of {size}");
    }
}

#[test]
fn a_blank_line_between_messages_is_passed_over() {
    assert_eq!(decode(&[b"\r\nTALLY OK 1\r\n\r\n"]).unwrap(), [ok(Verb::Tally, "1")]);
}

#[test]
fn what_is_not_vmix_is_named() {
    let quote = |bytes: &[u8]| match decode(&[bytes]) {
        Err(FrameError::NotVmix { quote }) => quote,
        other => panic!("{other:?}"),
    };
    assert_eq!(quote(b"HTTP/1.1 400 Bad Request\r\n"), "HTTP/1.1 400 Bad Request");
    assert_eq!(quote(b"TALLY\r\n"), "TALLY");
    assert_eq!(quote(b"XML -3\r\n"), "XML -3");
    assert_eq!(quote(b"\x1b[31m\xff\r\n"), "\\u{1b}[31m\u{fffd}");
    assert!(quote(&[b'a'; 500].iter().copied().chain(*b"\n").collect::<Vec<u8>>()).len() <= 60);
}

#[test]
fn endless_lines_and_bodies_are_refused_before_they_are_held() {
    assert_eq!(decode(&[&[b'x'; LINE_MAX_BYTES + 1]]), Err(FrameError::LineTooLong));
    assert_eq!(decode(&[b"XML 999999999\r\n"]), Err(FrameError::BodyTooLong { bytes: 999_999_999 }));
    let at_limit = format!("XML {BODY_MAX_BYTES}\r\n");
    assert_eq!(decode(&[at_limit.as_bytes()]), Ok(vec![]));
}

#[test]
fn a_body_that_is_not_utf8_is_refused() {
    assert_eq!(decode(&[b"XML 2\r\n\xff\xfe"]), Err(FrameError::NotUtf8 { what: "body" }));
}

#[test]
fn a_started_message_is_partial() {
    let mut decoder = Decoder::default();
    assert!(!decoder.is_partial());
    for piece in ["TAL", "LY OK 1\r\nXML 4\r\n"] {
        decoder.feed(piece.as_bytes());
        while decoder.next().unwrap().is_some() {}
        assert!(decoder.is_partial(), "after {piece:?}");
    }
    decoder.feed(b"<a\r\n");
    assert!(decoder.next().unwrap().is_some());
    assert!(!decoder.is_partial());
}
