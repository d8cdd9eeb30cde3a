//! The stand-ins for vendors, driven without any code of the product: what later tests rely on is so.

#![cfg(unix)]

use anyhow::{Context, Result};
use if_harness::peers::{AiMock, Answer, LocalStripe, Moto, MotoUser, Request, TelegramApi};
use serde_json::{Value, json};

const ALL_OF_EC2: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*"}]}"#;
const LOOK_ONLY: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}"#;
/// Prints what became of each step: `running`, or the vendor's error code.
const BOTO3: &str = r#"
import sys, boto3
from botocore.exceptions import ClientError
url, region, key, secret = sys.argv[1:]
ec2 = boto3.client("ec2", region_name=region, endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret)
try:
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.medium")["Instances"][0]["InstanceId"]
    found = ec2.describe_instances(InstanceIds=[made])["Reservations"][0]["Instances"][0]
    print(found["InstanceType"], found["State"]["Name"])
except ClientError as e:
    print(e.response["Error"]["Code"])
"#;

fn boto3(moto: &Moto, user: &MotoUser) -> Result<String> {
    let args = [moto.url(), moto.region(), &user.access_key_id, &user.secret_access_key];
    let ran = moto.boto3(BOTO3, &args)?;
    anyhow::ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Ok(String::from_utf8(ran.stdout)?.trim().to_owned())
}

#[test]
#[ignore = "needs moto: make test-peers"]
fn moto_checks_signatures_and_policies() -> Result<()> {
    let (moto, users) = Moto::start(&[ALL_OF_EC2, LOOK_ONLY])?;
    let [owner, looker] = users.as_slice() else { anyhow::bail!("two users: {users:?}") };
    assert_eq!(boto3(&moto, owner)?, "t3.medium running");
    // EC2 itself says UnauthorizedOperation.
    assert_eq!(boto3(&moto, looker)?, "AccessDenied");
    let wrong = MotoUser { secret_access_key: "not-the-secret".into(), ..owner.clone() };
    assert_eq!(boto3(&moto, &wrong)?, "AuthFailure");
    let nobody = MotoUser { access_key_id: "AKIAXXXXXXXXXXXXXXXX".into(), ..owner.clone() };
    assert_eq!(boto3(&moto, &nobody)?, "AuthFailure");
    Ok(())
}

#[test]
#[ignore = "needs localstripe: make test-peers"]
fn localstripe_charges_twice_what_is_sent_twice() -> Result<()> {
    let (stripe, other) = (LocalStripe::start()?, LocalStripe::start()?);
    assert_ne!(stripe.url(), other.url(), "two run at once");
    let (customer, card) = stripe.customer_with_card("4242424242424242")?;
    let form = format!(
        "amount=1000&currency=usd&customer={customer}&payment_method={card}&payment_method_types[]=card&confirm=true&off_session=true"
    );
    let charge = || {
        let request = Request::form("/v1/payment_intents", form.as_str()).header("Idempotency-Key", "one-and-the-same");
        request.header("Authorization", &format!("Bearer {}", stripe.key())).send(stripe.url())
    };
    assert_eq!(charge()?.json(200)?["status"], "succeeded");
    assert_eq!(charge()?.json(200)?["status"], "succeeded");
    assert_eq!(stripe.charges()?.len(), 2, "the key is ignored");
    assert_eq!(other.charges()?.len(), 0, "they share nothing");

    let (customer, declined) = stripe.customer_with_card("4000000000000341")?;
    let form = format!("amount=1000&currency=usd&customer={customer}&payment_method={declined}&confirm=true");
    let error = &stripe.post("/v1/payment_intents", &form)?.json(402)?["error"];
    assert_eq!(error["code"], "card_declined", "{error}");
    let nobody = Request::get("/v1/balance").header("Authorization", "Bearer pk_no_secret").send(stripe.url())?;
    assert_eq!(nobody.status, 401, "{}", nobody.body);
    Ok(())
}

#[test]
#[ignore = "needs telegram-test-api: make test-peers"]
fn telegram_keeps_what_a_bot_says() -> Result<()> {
    let api = TelegramApi::start()?;
    let token = "123:abc";
    let call = |method: &str, body: Value| Request::json(&format!("/bot{token}/{method}"), &body).send(api.url());
    let sent = call("sendMessage", json!({"chat_id": "42", "text": "Hello"}))?.json(200)?;
    assert_eq!((&sent["ok"], &sent["result"]["chat"]["id"]), (&json!(true), &json!(42)), "{sent}");
    let message = &sent["result"]["message_id"];
    call("editMessageText", json!({"chat_id": "42", "message_id": message, "text": "Hello again"}))?.json(200)?;
    let said = api.said(token)?;
    assert_eq!(said.iter().map(|m| &m["text"]).collect::<Vec<_>>(), ["Hello again"], "{said:?}");
    assert_eq!(call("deleteMessage", json!({"chat_id": "42", "message_id": message}))?.json(200)?["ok"], true);
    let gone = call("deleteMessage", json!({"chat_id": "42", "message_id": message}))?.json(200)?;
    assert_eq!((&gone["ok"], &gone["error_code"]), (&json!(false), &json!(400)), "{gone}");
    assert_eq!(api.said(token)?, Vec::<Value>::new());
    Ok(())
}

/// The JSON of every `data:` line.
fn events(answer: &Answer) -> Result<Vec<Value>> {
    let data = answer.body.lines().filter_map(|l| l.strip_prefix("data: ")).filter(|d| *d != "[DONE]");
    data.map(|d| serde_json::from_str(d).context("event")).collect()
}

fn openai(ai: &AiMock, key: &str, prompt: &str) -> Result<Answer> {
    let messages = json!([{"role": "user", "content": prompt}]);
    let body =
        json!({"model": "gpt-4", "messages": messages, "stream": true, "stream_options": {"include_usage": true}});
    let request = Request::json("/v1/chat/completions", &body).header("Authorization", &format!("Bearer {key}"));
    request.send(ai.url())
}

#[test]
#[ignore = "needs aimock: make test-peers"]
fn aimock_streams_with_usage_and_checks_keys() -> Result<()> {
    let ai = AiMock::start()?;
    let answer = openai(&ai, ai.key(), "Explain IF")?;
    assert!(answer.body.trim_end().ends_with("data: [DONE]"), "{}", answer.body);
    let events = events(&answer)?;
    let pieces: Vec<&str> = events.iter().filter_map(|e| e["choices"][0]["delta"]["content"].as_str()).collect();
    assert!(pieces.iter().filter(|p| !p.is_empty()).count() > 1, "more than one piece: {pieces:?}");
    assert!(pieces.concat().starts_with("IF runs a command"), "{pieces:?}");
    let usage = events.last().map(|e| (&e["usage"]["prompt_tokens"], &e["usage"]["completion_tokens"]));
    assert_eq!(usage, Some((&json!(11), &json!(17))), "{}", answer.body);

    assert_eq!(openai(&ai, "another-key", "Explain IF")?.json(401)?["error"]["code"], "invalid_api_key");
    assert_eq!(openai(&ai, ai.key(), "Too many")?.json(429)?["error"]["code"], "rate_limit_exceeded");
    assert_ne!(openai(&ai, ai.key(), "Something nobody prepared")?.status, 200, "no invented answers");

    let prompt = json!([{"role": "user", "content": "Explain IF"}]);
    let body = json!({"model": "claude-sonnet-4-5", "max_tokens": 100, "messages": prompt, "stream": true});
    let answer = Request::json("/v1/messages", &body).header("x-api-key", ai.key()).send(ai.url())?;
    let events = self::events(&answer)?;
    let usage = |kind: &str, path: &str| {
        let event = events.iter().find(|e| e["type"] == kind);
        event.and_then(|e| e.pointer(path)).and_then(Value::as_u64)
    };
    assert_eq!(usage("message_start", "/message/usage/input_tokens"), Some(11), "{}", answer.body);
    assert_eq!(usage("message_delta", "/usage/output_tokens"), Some(17), "{}", answer.body);
    assert_eq!(events.last().map(|e| &e["type"]), Some(&json!("message_stop")), "{}", answer.body);
    assert_eq!(ai.requests()?.len(), 4, "a refused key leaves no trace in the journal");
    Ok(())
}
