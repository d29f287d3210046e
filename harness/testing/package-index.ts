import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** Of wheels and source distributions, `NAME==VERSION` each, with the names of what they require. */
export interface IndexContent {
  readonly wheels: Readonly<Record<string, readonly string[]>>;
  readonly sources?: readonly string[];
  /** Absent: the index does not say when its files came. */
  readonly uploaded?: string;
}

/** Writes what is no work in Python: a wheel is a zip file. */
const BUILD = `
import base64, hashlib, io, json, sys, tarfile, zipfile
folder, content = sys.argv[1], json.loads(sys.argv[2])
def meta(name, version, needs):
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {n}" for n in needs)]
    return "\\n".join(lines) + "\\n"
for wanted, needs in content["wheels"].items():
    name, version = wanted.split("==")
    stem = f"{name.replace('-', '_')}-{version}"
    files = {
        f"{stem}.dist-info/METADATA": meta(name, version, needs),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
    }
    lines = [f"{stem}.dist-info/RECORD,,"]
    for file, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        lines.append(f"{file},sha256={digest},{len(text)}")
    files[f"{stem}.dist-info/RECORD"] = "\\n".join(lines) + "\\n"
    with zipfile.ZipFile(f"{folder}/{stem}-py3-none-any.whl", "w") as wheel:
        for file, text in files.items():
            # Of no day: the same content is the same file.
            wheel.writestr(zipfile.ZipInfo(file), text)
for wanted in content.get("sources", []):
    name, version = wanted.split("==")
    text = meta(name, version, []).encode()
    with tarfile.open(f"{folder}/{name}-{version}.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo(f"{name}-{version}/PKG-INFO")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
`;

/** A package index on loopback, as https://packaging.python.org/en/latest/specifications/simple-repository-api/. */
export async function packageIndex(folder: string, content: IndexContent) {
  mkdirSync(folder, { recursive: true });
  execFileSync('python3', ['-c', BUILD, folder, JSON.stringify(content)]);
  const files = readdirSync(folder).map((filename) => {
    const bytes = readFileSync(path.join(folder, filename));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const uploaded = content.uploaded === undefined ? {} : { 'upload-time': content.uploaded };
    const [stem = ''] = filename.split(/-\d/);
    return {
      project: stem.replaceAll('_', '-'),
      filename,
      bytes,
      url: `/files/${filename}`,
      hashes: { sha256 },
      ...uploaded,
    };
  });
  const server = createServer((request, response) => {
    const file = files.find(({ url }) => url === request.url);
    if (file) return void response.end(file.bytes);
    const name = /^\/simple\/([^/]+)\/$/.exec(request.url ?? '')?.[1] ?? '';
    const own = files.filter(({ project }) => project === name).map(({ project: _, bytes: __, ...rest }) => rest);
    if (own.length === 0) return void response.writeHead(404).end();
    response.setHeader('content-type', 'application/vnd.pypi.simple.v1+json');
    return void response.end(JSON.stringify({ meta: { 'api-version': '1.1' }, name, files: own, versions: [] }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/simple`, close: () => server.close() };
}
