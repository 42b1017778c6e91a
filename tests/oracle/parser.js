// Shows what Node's parser makes of reads: takes [{kind, reads (latin1), eof, lenient, max_header_size}, ...] from
// standard input and prints, a line each, the events as test_parser.py writes them. The parser has no public name;
// _http_common is where old programs found it.
'use strict';
const {HTTPParser} = require('_http_common');

function parse({kind, reads, eof, lenient, max_header_size: limit}) {
    const events = [];
    const parser = new HTTPParser();
    let raw = [];
    let url = '';
    parser.initialize(kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE, {}, limit,
                      lenient ? HTTPParser.kLenientAll : HTTPParser.kLenientNone);
    parser[HTTPParser.kOnHeaders] = (headers, part) => {
        raw.push(...headers);
        url += part;
    };
    parser[HTTPParser.kOnHeadersComplete] = (major, minor, headers, method, path, status, reason, upgrade, keepAlive) => {
        const start = kind === 'request' ? [path ?? url] : [status, reason];
        events.push([...start, `${major}.${minor}`, headers ?? raw, ...(upgrade ? ['upgrade'] : []),
                     ...(keepAlive ? [] : ['close'])]);
        raw = [];
        url = '';
        return 0;
    };
    parser[HTTPParser.kOnBody] = (chunk) => {
        if (typeof events.at(-1) === 'object' && 'body' in events.at(-1)) events.at(-1).body += chunk.toString('latin1');
        else events.push({body: chunk.toString('latin1')});
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
        events.push(raw.length ? ['end', raw] : 'end');
        raw = [];
        url = '';
    };
    let result;
    for (const read of reads) {
        result = parser.execute(Buffer.from(read, 'latin1'));
        if (result instanceof Error) break;
    }
    if (eof && !(result instanceof Error)) result = parser.finish();
    if (result instanceof Error) {
        const parsed = result.code === 'HPE_INVALID_EOF_STATE' ? 0 : result.bytesParsed;
        events.push([result.code, result.reason, parsed]);
    }
    parser.close();
    return events;
}

for (const item of JSON.parse(require('fs').readFileSync(0))) console.log(JSON.stringify(parse(item)));
