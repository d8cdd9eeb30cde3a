// Serves telegram-test-api on a free loopback port and prints the address.
// Its argument is the folder it is installed in. It takes no port 0: a free one is looked for, and another if that was taken.
const net = require('net');
const TelegramServer = require(require.resolve('telegram-test-api', { paths: [process.argv[2]] }));

const ATTEMPTS = 4;

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

(async () => {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      await new TelegramServer({ port, host: '127.0.0.1', storage: 'RAM', storeTimeout: 3600 }).start();
      console.log(`listening on http://127.0.0.1:${port}`);
      return;
    } catch (error) {
      if (error.code !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
    }
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
