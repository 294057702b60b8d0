/**
 * Whether a folder lies on a file system of another machine, where locks and shared memory cannot be trusted.
 *
 * Linux tells the type by number (statfs); what runs in user space (FUSE) is told apart by its name in the mount table,
 * since much of it is local. macOS is asked for its mount table. Windows is judged by the path alone. Where nothing
 * can be known, nothing is refused.
 */
import { execFile } from "node:child_process"
import { readFile, statfs } from "node:fs/promises"
import process from "node:process"
import { Effect } from "effect"
import { operate } from "./fileOperations.ts"

/** Numbers of the kernel's header magic.h and of the file systems' own sources. */
const networkTypes: ReadonlyMap<bigint, string> = new Map([
  [0x6969n, "NFS"],
  [0x517bn, "SMB"],
  [0xfe534d42n, "SMB"],
  [0xff534d42n, "CIFS"],
  [0x00c36400n, "CephFS"],
  [0x5346414fn, "AFS"],
  [0x6b414653n, "AFS"],
  [0x73757245n, "Coda"],
  [0x564cn, "NCP"],
  [0x0bd00bd0n, "Lustre"],
  [0x47504653n, "GPFS"],
  [0x01161970n, "GFS2"],
  [0x7461636fn, "OCFS2"],
  [0x19830326n, "BeeGFS"],
  [0x20030528n, "OrangeFS"],
  [0x786f4256n, "VirtualBox shared folder"],
  [0xbacbacbcn, "VMware shared folder"]
])

const fuseType = 0x65735546n

const networkNames: ReadonlyMap<string, string> = new Map([
  ...["sshfs", "s3fs", "gcsfuse", "goofys", "rclone", "mount-s3", "glusterfs", "cephfs", "ceph-fuse", "juicefs", "davfs", "davfs2", "curlftpfs",
    "smbnetfs", "blobfuse", "blobfuse2", "moosefs", "mfs", "lizardfs", "seaweedfs", "weed", "objectivefs", "hdfs", "nfs", "vmhgfs-fuse"]
    .map((name): [string, string] => [`fuse.${name}`, name]),
  ["nfs", "NFS"], ["nfs4", "NFS"], ["cifs", "CIFS"], ["smb3", "SMB"], ["smbfs", "SMB"], ["afpfs", "AFP"], ["webdav", "WebDAV"], ["ceph", "CephFS"],
  ["lustre", "Lustre"], ["beegfs", "BeeGFS"], ["vboxsf", "VirtualBox shared folder"], ["prl_fs", "Parallels shared folder"]
])

/** A mounted file system: where, and of which type. */
interface Mount {
  readonly path: string
  readonly type: string
}

const unescape = (text: string): string => text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))

/** The mounts of /proc/self/mountinfo. Source: proc_pid_mountinfo(5). */
export const parseMountInfo = (text: string): ReadonlyArray<Mount> =>
  text.split("\n").flatMap((line) => {
    const [before, after] = line.split(" - ")
    const path = before?.split(" ")[4]
    const type = after?.split(" ")[0]
    return path === undefined || type === undefined ? [] : [{ path: unescape(path), type }]
  })

/** The mounts that macOS's `mount` prints: `//me@server/share on /Volumes/share (smbfs, nodev)`. */
export const parseMacMounts = (text: string): ReadonlyArray<Mount> =>
  text.split("\n").flatMap((line) => {
    const match = / on (.+) \((\w+)[,)]/.exec(line)
    return match === null ? [] : [{ path: match[1]!, type: match[2]! }]
  })

/** The name of the network file system that a path lies on by the mount table; undefined where it is a local one. */
export const networkMount = (path: string, mounts: ReadonlyArray<Mount>): string | undefined => {
  const holds = (mount: Mount) => path === mount.path || path.startsWith(mount.path.endsWith("/") ? mount.path : `${mount.path}/`)
  // Of two mounts at one place the later hides the earlier.
  const nearest = mounts.filter(holds).reduce<Mount | undefined>((best, mount) => best === undefined || mount.path.length >= best.path.length ? mount : best, undefined)
  return nearest === undefined ? undefined : networkNames.get(nearest.type)
}

const macMounts = Effect.callback<ReadonlyArray<Mount>>((resume) => {
  execFile("/sbin/mount", { encoding: "utf8", timeout: 2000 }, (error, stdout) => resume(Effect.succeed(error === null ? parseMacMounts(stdout) : [])))
})

/** The name of the network file system that an existing folder lies on; undefined where it is local or cannot be known. */
export const networkFileSystem = (path: string): Effect.Effect<string | undefined> => {
  switch (process.platform) {
    case "linux":
      return Effect.gen(function*() {
        const type = (yield* operate(() => statfs(path, { bigint: true }))).type & 0xffffffffn
        return type === fuseType
          ? networkMount(path, parseMountInfo(yield* operate(() => readFile("/proc/self/mountinfo", "utf8"))))
          : networkTypes.get(type)
      }).pipe(Effect.orElseSucceed(() => undefined))
    case "darwin":
      return Effect.map(macMounts, (mounts) => networkMount(path, mounts))
    case "win32":
      return Effect.succeed(/^[\\/]{2}[^?.\\/]/.test(path) ? "SMB" : undefined)
    default:
      return Effect.succeed(undefined)
  }
}
