import { programName } from './program.ts'

/** What `contrail-server -h` prints. */
export const USAGE = `
Usage: ${programName} [options]

Server:
    -a, --addr, --net <host>         Address to listen on (default: 0.0.0.0)
    -p, --port <port>                Port for clients, -1 for any free one (default: 4222)
    -n, --name
        --server_name <name>         Name of the server (default: its id)
    -P, --pid <file>                 File for the process id
    -m, --http_port <port>           Port for monitoring over HTTP, -1 for any free one
    -ms, --https_port <port>         The same over HTTPS, with the certificate of TLS
    -c, --config <file>              Configuration file
    -t                               Check the configuration file, then exit
    -sl, --signal <signal>[=<pid>]   Send a signal to a server that runs: ldm, stop, quit, term, reopen, reload;
                                     <pid> is an id, or a file with one (default: the only one that runs)
        --client_advertise <address> Address that clients are told
        --ports_file_dir <dir>       Folder for a file that names the ports in use

Log:
    -l, --log <file>                 Write the log to a file
    -T, --logtime                    Date and time in each line (default: true)
        --logtime_utc                Universal instead of local time (default: false)
    -s, --syslog                     Log to this machine's syslog
    -r, --remote_syslog <address>    Log to a syslog server (udp://localhost:514)
        --log_size_limit <bytes>     Put the log file aside when it has become larger
    -D, --debug                      Debugging lines
    -V, --trace                      Protocol trace
    -VV                              The same, with clients of the system account
    -DV, -DVV                        Both
        --max_traced_msg_len <n>     Longest payload shown in the trace (default: no limit)

JetStream:
    -js, --jetstream                 Serve JetStream
    -sd, --store_dir <dir>           Folder of its store

Authorization:
        --user <user>                User that clients must log in with
        --pass <password>            Their password
        --auth <token>               Token that clients must show

Common:
    -h, --help                       This text
    -v, --version                    Version

The flags are those of nats-server, with one or two dashes and with "=" or a space before the value. Those of clusters are
refused.
`
