//! The simulator's protocol, byte for byte, read by a client as plain as can be.
#![allow(clippy::unwrap_used)]

use if_harness::vmix::{Fault, FunctionFault, SimOptions, VmixSim, WireFault};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(5);

struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects and takes the greeting.
    fn new(sim: &VmixSim) -> Self {
        let stream = TcpStream::connect(sim.tcp_addr).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let mut client = Self(BufReader::new(stream));
        assert_eq!(client.line(), "VERSION OK 29.0.0.49\r\n");
        client
    }
    fn send(&mut self, line: &str) {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
    }
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }
    fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.line()
    }
    fn xml(&mut self) -> String {
        let head = self.ask("XML");
        let length: usize = head.trim_end().strip_prefix("XML ").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        String::from_utf8(body).unwrap()
    }
}

fn sim(options: SimOptions) -> VmixSim {
    VmixSim::start(options).unwrap()
}

fn http(sim: &VmixSim, target: &str) -> String {
    let mut stream = TcpStream::connect(sim.http_addr).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_length_of_xml_counts_bytes_and_the_line_break() {
    let sim = sim(SimOptions::default());
    let mut client = Client::new(&sim);
    let body = client.xml();
    assert!(body.starts_with("<vmix><version>29.0.0.49</version><edition>Simulator</edition>"), "{body}");
    assert!(body.ends_with("</vmix>\r\n"), "{body}");
    assert!(body.len() > body.chars().count(), "a title of several bytes per character must be in it");
    // Exactly the body was read: the next reply starts at once.
    assert_eq!(client.ask("TALLY"), "TALLY OK 1200\r\n");
}

#[test]
fn xml_is_well_formed_and_holds_the_state() {
    let sim = sim(SimOptions { inputs: 3, ..SimOptions::default() });
    sim.operate(|model| model.overlays[1] = 3);
    let body = Client::new(&sim).xml();
    let mut reader = quick_xml::Reader::from_str(&body);
    let mut inputs = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Start(e) if e.name().as_ref() == "input" => inputs += 1,
            quick_xml::events::Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(inputs, 3);
    assert!(body.contains("<overlay number=\"2\">3</overlay>"), "{body}");
    assert!(body.contains("title=\"Q&amp;A &lt;Café ☕&gt;.mp4\""), "{body}");
    assert!(body.contains("<preview>2</preview><active>1</active><fadeToBlack>False</fadeToBlack>"), "{body}");
}

#[test]
fn xmltext_follows_paths() {
    let sim = sim(SimOptions::default());
    let mut client = Client::new(&sim);
    assert_eq!(client.ask("XMLTEXT vmix/version"), "XMLTEXT OK 29.0.0.49\r\n");
    assert_eq!(client.ask("XMLTEXT vmix/active"), "XMLTEXT OK 1\r\n");
    assert_eq!(client.ask("XMLTEXT vmix/inputs/input[2]/@title"), "XMLTEXT OK Camera 2\r\n");
    assert_eq!(client.ask("XMLTEXT vmix/inputs/input[@number='3']"), "XMLTEXT OK Q&A <Café ☕>.mp4\r\n");
    assert_eq!(client.ask("XMLTEXT vmix/nothing"), "XMLTEXT ER XML Entry Not Found\r\n");
    assert_eq!(client.ask("XMLTEXT vmix/inputs/input[9]/@title"), "XMLTEXT ER XML Entry Not Found\r\n");
}

#[test]
fn any_function_is_answered_ok_and_unknown_ones_do_nothing() {
    let sim = sim(SimOptions { delay: Duration::ZERO, ..SimOptions::default() });
    let before = sim.model();
    let mut client = Client::new(&sim);
    assert_eq!(client.ask("FUNCTION MakeCoffee Input=1&Value=Hello%20world"), "FUNCTION OK Completed\r\n");
    assert_eq!(client.ask("FUNCTION Cut Input=99"), "FUNCTION OK Completed\r\n");
    let received = sim.received();
    assert_eq!(received.len(), 2);
    assert_eq!((received[0].function.as_str(), received[0].modelled), ("MakeCoffee", false));
    assert_eq!(received[0].params["Value"], "Hello world");
    assert_eq!((received[1].function.as_str(), received[1].modelled), ("Cut", true));
    assert_eq!(sim.model(), before);
    assert_eq!(client.ask("FUNCTION"), "FUNCTION ER No function name\r\n");
}

#[test]
fn the_effect_comes_after_the_answer_and_is_pushed() {
    let sim = sim(SimOptions { interleave: false, ..SimOptions::default() });
    let mut client = Client::new(&sim);
    assert_eq!(client.ask("SUBSCRIBE TALLY"), "SUBSCRIBE OK TALLY Subscribed\r\n");
    assert_eq!(client.line(), "TALLY OK 1200\r\n");
    assert_eq!(client.ask("SUBSCRIBE ACTS"), "SUBSCRIBE OK ACTS Subscribed\r\n");
    assert_eq!(client.line(), "TALLY OK 1200\r\n");
    assert_eq!(client.ask("FUNCTION Cut Input=4"), "FUNCTION OK Completed\r\n");
    let pushed: Vec<String> = (0..5).map(|_| client.line()).collect();
    assert_eq!(
        pushed,
        [
            "ACTS OK Input 1 0\r\n",
            "ACTS OK Input 4 1\r\n",
            "ACTS OK InputPreview 2 0\r\n",
            "ACTS OK InputPreview 1 1\r\n",
            "TALLY OK 2001\r\n"
        ]
    );
    assert_eq!(client.ask("ACTS Input 4"), "ACTS OK Input 4 1\r\n");
}

#[test]
fn a_push_comes_between_a_request_and_its_reply() {
    let sim = sim(SimOptions::default());
    let mut client = Client::new(&sim);
    client.send("SUBSCRIBE TALLY");
    assert_eq!(client.line(), "TALLY OK 1200\r\n");
    assert_eq!(client.line(), "SUBSCRIBE OK TALLY Subscribed\r\n");
    assert_eq!(client.line(), "TALLY OK 1200\r\n");
    client.send("VERSION");
    assert_eq!(client.line(), "TALLY OK 1200\r\n");
    assert_eq!(client.line(), "VERSION OK 29.0.0.49\r\n");
}

#[tokio::test]
async fn a_fade_shows_both_inputs_until_it_ends_and_a_cut_overrules_it() {
    let sim = sim(SimOptions { delay: Duration::ZERO, ..SimOptions::default() });
    let mut client = Client::new(&sim);
    assert_eq!(client.ask("FUNCTION Fade Input=3&Duration=1000"), "FUNCTION OK Completed\r\n");
    assert!(sim.wait_model(LIMIT, |m| m.arriving == Some(3) && m.program == 1 && m.tally() == "1210").await);
    assert!(sim.wait_model(LIMIT, |m| m.program == 3).await);
    assert_eq!(sim.model().tally(), "2010");

    client.send("FUNCTION Fade Input=1&Duration=300");
    assert!(sim.wait_model(LIMIT, |m| m.arriving == Some(1)).await);
    client.send("FUNCTION Cut Input=4");
    assert!(sim.wait_model(LIMIT, |m| m.program == 4).await);
    // The end of the overruled fade is announced too, and changes nothing.
    assert!(!sim.wait_model(Duration::from_millis(400), |m| m.program != 4).await);
}

#[tokio::test]
async fn http_runs_functions_and_gives_the_state() {
    let sim = sim(SimOptions::default());
    let state = http(&sim, "/api/");
    assert!(state.starts_with("HTTP/1.1 200 OK\r\n"), "{state}");
    assert!(state.ends_with("</vmix>"), "{state}");
    let done = http(&sim, "/api/?Function=PreviewInput&Input=Camera%201");
    assert!(done.starts_with("HTTP/1.1 200 OK\r\n"), "{done}");
    assert!(sim.wait_model(LIMIT, |m| m.preview == 1).await);
    assert_eq!(sim.received()[0].via, "http");
    sim.set_fault(Fault::Function(FunctionFault::Refused));
    assert!(http(&sim, "/api/?Function=Cut").starts_with("HTTP/1.1 500 "));
    assert!(http(&sim, "/other").starts_with("HTTP/1.1 404 "));
}

#[test]
fn messages_can_come_in_pieces() {
    let sim = sim(SimOptions { chunk_bytes: Some(7), inputs: 1, ..SimOptions::default() });
    let mut client = Client::new(&sim);
    assert!(client.xml().ends_with("</vmix>\r\n"));
}

#[test]
fn faults_of_functions_are_what_they_say() {
    let sim = sim(SimOptions { delay: Duration::ZERO, ..SimOptions::default() });
    sim.set_fault(Fault::Function(FunctionFault::Refused));
    let mut client = Client::new(&sim);
    assert_eq!(client.ask("FUNCTION Cut"), "FUNCTION ER Function refused by the simulator\r\n");
    sim.set_fault(Fault::Function(FunctionFault::DropBefore));
    assert_eq!(client.ask("FUNCTION Cut"), "", "the connection must be closed");
    assert_eq!(sim.model().program, 1);
}

#[test]
fn drop_ends_connections_and_new_ones_are_served() {
    let sim = sim(SimOptions::default());
    let mut client = Client::new(&sim);
    sim.drop_connections();
    assert_eq!(client.line(), "");
    assert_eq!(Client::new(&sim).ask("TALLY"), "TALLY OK 1200\r\n");
    sim.set_fault(Fault::Tcp(WireFault::Drop));
    let mut refused = BufReader::new(TcpStream::connect(sim.tcp_addr).unwrap());
    refused.get_mut().set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(refused.read_line(&mut String::new()).unwrap(), 0);
}

#[test]
fn the_ports_are_free_again_after_drop() {
    let sim = sim(SimOptions::default());
    let (tcp_port, http_port) = (sim.tcp_addr.port(), sim.http_addr.port());
    drop(sim);
    let again = VmixSim::start(SimOptions { tcp_port, http_port, ..SimOptions::default() }).unwrap();
    assert_eq!(Client::new(&again).ask("TALLY"), "TALLY OK 1200\r\n");
}
