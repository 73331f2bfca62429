# A worker that knows LISTEN_FDS' convention and nothing else: the listener is descriptor 3.
# Arguments: its name, and the file where it writes down whom it accepted.
use strict;
use warnings;
use Fcntl;
use Socket;

my ($name, $log_path) = @ARGV;
sysopen(my $log, $log_path, O_WRONLY | O_CREAT | O_APPEND, 0600) or die "open $log_path: $!";
my $body = "worker $name pid $$\n";
my $answer = "HTTP/1.0 200 OK\r\nX-Worker: $name\r\nContent-Length: " . length($body)
    . "\r\nConnection: close\r\n\r\n$body";
$SIG{PIPE} = 'IGNORE';

# Never blocking(...): O_NONBLOCK belongs to the listener that all workers share.
open(my $listener, '+<&=', 3) or die "descriptor 3: $!";
vec(my $watched = '', 3, 1) = 1;
while (1) {
    select(my $ready = $watched, undef, undef, undef);
    my $address = accept(my $client, $listener) or next;    # or another worker was faster
    my ($port, $host) = sockaddr_in($address);
    my $peer = inet_ntoa($host) . ":$port\n";
    syswrite($log, "+ $peer");
    my $request = '';
    while (index($request, "\r\n\r\n") < 0) {
        sysread($client, $request, 4096, length $request) or last;
    }
    syswrite($client, $answer) if index($request, "\r\n\r\n") >= 0;
    close($client);
    syswrite($log, "- $peer");
}
