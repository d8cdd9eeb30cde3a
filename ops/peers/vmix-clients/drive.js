// Drives a vMix with a client that others wrote and prints what that client understood: one JSON document.
// Arguments: the folder the clients are installed in, the name of the client, the TCP port.
const path = require('path');

const [home, client, port] = process.argv.slice(2);
const LIMIT_MS = 20000;
const POLL_MS = 30;

function installed(file) {
  return require(path.join(home, 'node_modules', file));
}

// Asks again and again until the answer is what is wanted.
async function until(what, ask) {
  const end = Date.now() + LIMIT_MS;
  let last;
  while (Date.now() < end) {
    last = await ask();
    if (last) return last;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`${what} did not come`);
}

async function nodeVmix() {
  const { ConnectionTCP } = installed('node-vmix/dist/index.js');
  const connection = new ConnectionTCP('127.0.0.1', { port: Number(port), autoReconnect: false });
  const seen = { tally: '', acts: [], xml: '' };
  connection.on('tally', (text) => { seen.tally = text; });
  connection.on('activators', (text) => { seen.acts.push(text); });
  connection.on('xml', (text) => { seen.xml = text; });
  await until('the connection', () => connection.connected());
  connection.send('SUBSCRIBE TALLY');
  connection.send('SUBSCRIBE ACTS');
  connection.send({ Function: 'Cut', Input: 3 });
  connection.send({ Function: 'SetText', Input: 4, SelectedName: 'Headline.Text', Value: 'Grüße & "Küsse"' });
  await until('the tally of the cut', () => /^20100/.test(seen.tally));
  await until('the text', () => {
    connection.send('XML');
    return seen.xml.includes('Grüße &amp;');
  });
  connection.shutdown();
  return seen;
}

async function timelineStateResolver() {
  const vmix = 'timeline-state-resolver/dist/integrations/vmix';
  const { VMixConnection, VMixCommandSender } = installed(`${vmix}/connection.js`);
  const { VMixXmlStateParser } = installed(`${vmix}/vMixXmlStateParser.js`);
  const parser = new VMixXmlStateParser();
  const connection = new VMixConnection('127.0.0.1', Number(port), true);
  const errors = [];
  const replies = [];
  let state;
  connection.on('error', (error) => errors.push(String(error)));
  connection.on('data', (response) => {
    if (response.command === 'XML' && response.body) state = parser.parseVMixState(response.body);
    else replies.push(`${response.command} ${response.response}`);
  });
  await until('the connection', () => connection.connected);
  const sender = new VMixCommandSender(connection);
  await sender.setPreviewInput(4);
  await sender.transition(3, 'Fade', 100);
  await sender.setAudioLevel(1, 50);
  await sender.setAudioBusOn(1, 'A');
  await sender.setAudioOn(3);
  await sender.setText(4, 'Bonjour', 'Headline.Text');
  await sender.addInput('Video|C:\\Clips\\new.mp4');
  await sender.overlayInputIn(2, 5);
  await sender.listAdd(6, 'C:\\b c.mp4');
  await sender.startRecording();
  await sender.startStreaming();
  await sender.startExternal();
  await sender.playInput(3);
  await sender.loopOn(3);
  await sender.fadeToBlack();
  await sender.scriptStart('Show');
  await until('the end of the fade', async () => {
    await connection.requestVMixState();
    return state && state.mixes[0].program === 3 && state.fadeToBlack && state.existingInputs[7];
  });
  connection.disconnect();
  return { state, replies, errors };
}

const clients = { 'node-vmix': nodeVmix, 'timeline-state-resolver': timelineStateResolver };
clients[client]().then(
  (result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  },
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
