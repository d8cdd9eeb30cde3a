//! Files sent and files written.

use crate::{
    server::{Script, Server},
    world::{engine, message, plan, run, told},
};
use if_engine::Execution;
use serde_json::json;

const OPERATIONS: &str = r#"
  send:
    summary: send a file
    effect: once
    price: free
    params:
      file: { type: string, format: file, required: true, help: what to send }
      caption: { type: string, help: words to it }
    request:
      method: POST
      path: /send
      body:
        multipart:
          caption: "{{ args.caption }}"
          kind: document
          document: { file: "{{ args.file }}", content_type: text/plain }
    response: { result: { n: { path: $.n, required: true } } }
  fetch:
    summary: fetch a file
    effect: read
    price: free
    params:
      to: { type: string, required: true, help: where to }
      overwrite: { type: boolean, help: replace what is there }
    request: { method: GET, path: /file }
    response: { format: bytes, save: to }
"#;

#[tokio::test]
async fn a_file_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a \"b\".txt");
    std::fs::write(&path, "content\r\n").unwrap();
    let server = Server::start(vec![Script::json(200, json!({"n": 1}))]).await;
    let engine = engine(&plan("{}", "{}", OPERATIONS), &server);
    let (got, _) = run(&engine, "chat.send", json!({"file": path.to_str().unwrap()})).await;
    assert_eq!(told(&got), "succeeded");
    let seen = server.seen().pop().unwrap();
    let boundary = seen.header("content-type").unwrap().strip_prefix("multipart/form-data; boundary=").unwrap();
    let want = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"kind\"\r\n\r\ndocument\r\n--{boundary}\r\n\
         content-disposition: form-data; name=\"document\"; filename=\"a %22b%22.txt\"\r\ncontent-type: text/plain\r\n\r\n\
         content\r\n\r\n--{boundary}--\r\n"
    );
    assert_eq!(seen.text(), want);
    let (got, _) = run(&engine, "chat.send", json!({"file": dir.path().join("none").to_str().unwrap()})).await;
    assert_eq!((told(&got).as_str(), server.seen().len()), ("failed bad_argument", 1));
}

#[tokio::test]
async fn a_file_is_written_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out.bin");
    let to = path.to_str().unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    let part = "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nsome";
    let server = Server::start(vec![
        Script::cut(part),
        Script::answer(404, "", ""),
        Script::answer(200, "", &bytes),
        Script::answer(200, "", "second"),
    ])
    .await;
    let engine = engine(&plan("{ response_bytes: 1000 }", "{ attempts: 1 }", OPERATIONS), &server);
    for want in ["failed no_answer", "failed not_found"] {
        let (got, _) = run(&engine, "chat.fetch", json!({"to": to})).await;
        assert_eq!(told(&got), want);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{want}");
    }
    let (got, _) = run(&engine, "chat.fetch", json!({"to": to})).await;
    assert_eq!(got, Execution::Succeeded(json!({"path": to, "bytes": 256})), "{}", message(&got));
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let (got, _) = run(&engine, "chat.fetch", json!({"to": to})).await;
    assert_eq!((told(&got).as_str(), server.seen().len()), ("failed already_exists", 3));
    let (got, _) = run(&engine, "chat.fetch", json!({"to": to, "overwrite": true})).await;
    assert_eq!((told(&got).as_str(), std::fs::read_to_string(&path).unwrap().as_str()), ("succeeded", "second"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}
