// Encodes texts.json with Hugging Face's own tokenizers, and trains on corpus.txt with it: npm install tokenizers@0.23.2, then node make_ids.js
const fs = require('fs');
const path = require('path');
const { BPE, Tokenizer, byteLevelPreTokenizer } = require('tokenizers');

async function main() {
  const texts = JSON.parse(fs.readFileSync(path.join(__dirname, 'texts.json'), 'utf8'));
  for (const family of ['qwen', 'llama', 'gpt2']) {
    const tokenizer = Tokenizer.fromFile(path.join(__dirname, family, 'tokenizer.json'));
    const ids = [];
    for (const text of texts) {
      ids.push(JSON.stringify((await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds()));
    }
    fs.writeFileSync(path.join(__dirname, family, 'ids.golden.json'), `[\n${ids.join(',\n')}\n]\n`);
  }

  const trained = new Tokenizer(BPE.empty());
  trained.setPreTokenizer(byteLevelPreTokenizer(false));
  trained.train([path.join(__dirname, 'corpus.txt')]);
  trained.save(path.join(__dirname, 'trained.json'));
  const merges = JSON.parse(fs.readFileSync(path.join(__dirname, 'trained.json'), 'utf8')).model.merges;
  fs.unlinkSync(path.join(__dirname, 'trained.json'));
  fs.writeFileSync(path.join(__dirname, 'merges.golden.json'), JSON.stringify(merges.map(m => (Array.isArray(m) ? m.join(' ') : m)), null, 0) + '\n');
}

main();
