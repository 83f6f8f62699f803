# SPDX-License-Identifier: Apache-2.0
# Real programs for end-to-end tests: a controller and nodes from the build tree, on ports and in
# directories of their own. Everything is stopped by pid when the object goes away.
package Sonde;
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Findings;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

my $src = $ENV{top_srcdir}   || '.';
my $bld = $ENV{top_builddir} || '.';

sub new {
  my ($class, %o) = @_;
  my $self = bless { dir => tempdir('sonde-test-XXXXXX', TMPDIR => 1, CLEANUP => 1), pids => {},
    host => '127.0.0.1', port => free_port(), %o }, $class;
  # In the lab it is another machine, and there is no TLS.
  $ENV{SONDE_INSECURE} = 'true' if $self->{host} !~ /^127\./;
  # One directory with all plugins, as an installed tree has it.
  $self->{plugins} = "$self->{dir}/plugins";
  make_path($self->{plugins});
  for my $so (glob "$bld/plugins/*/.libs/*.so") {
    my ($name) = $so =~ m{([^/]+)$};
    link_or_copy($so, "$self->{plugins}/$name");
  }
  $self->{http} = HTTP::Tiny->new(timeout => 20, keep_alive => 0);
  return $self;
}

sub link_or_copy {
  my ($from, $to) = @_;
  require File::Copy;
  File::Copy::copy($from, $to) or die "copy $from: $!";
  chmod 0755, $to;
}

# Below the range from which the kernel gives ports to connections: one of those could take it before
# the program that shall listen there does.
sub free_port {
  open my $random, '<', '/dev/urandom' or die "no random numbers: $!";
  for (1 .. 100) {
    sysread $random, my $bytes, 2;
    my $port = 10240 + unpack('S', $bytes) % 22000;
    return $port if IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $port);
  }
  die 'no port';
}

sub url { return "http://$_[0]{host}:$_[0]{port}" }

# Start a program; its output goes to a log file of its name.
sub spawn {
  my ($self, $name, @argv) = @_;
  my $log = "$self->{dir}/$name.log";
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    setpgrp(0, 0);
    open STDIN,  '<',  '/dev/null';
    open STDOUT, '>>', $log;
    open STDERR, '>>', $log;
    exec @argv or POSIX::_exit(127);
  }
  $self->{pids}{$name} = $pid;
  return $pid;
}

sub program { return $_[0] eq 'sonde-runner' ? "$bld/sonde-runner" : "$bld/$_[0]" }

# The dashboard when it was built, and else the plain page.
sub web_root { return -f "$src/web/dist/app.js" ? "$src/web/dist" : "$src/web/plain" }

sub controller_command {
  my ($self, @extra) = @_;
  return (program('sonde-controller'), '--listen', "$self->{host}:$self->{port}", '--state',
    "$self->{dir}/controller", '--plugins', $self->{plugins}, '--runner', program('sonde-runner'),
    '--policies', $self->{policies} || "$src/policies", '--lua', "$src/lua", '--web', web_root(),
    '--guard-allow', 'private', '--beat', '1',
    '--admin-token-file', "$self->{dir}/admin.token", @extra);
}

sub start_controller {
  my ($self, @extra) = @_;
  $self->spawn('controller', $self->controller_command(@extra));
  $self->until(30, sub { $self->get('/ready')->{status} == 200 && -s "$self->{dir}/admin.token" })
    or die "the controller did not get ready:\n" . $self->log('controller');
  open my $f, '<', "$self->{dir}/admin.token" or die $!;
  chomp($self->{token} = <$f>);
}

sub registration_token {
  my ($self, %o) = @_;
  my $r = $self->post('/v1/registration-tokens', { uses => 1000, approve => JSON::PP::true, %o });
  die "no token: $r->{content}" if $r->{status} != 201;
  return $r->{json}{token};
}

sub start_node {
  my ($self, $name, %o) = @_;
  my $file = "$self->{dir}/$name.token";
  if (!-e $file) {
    open my $f, '>', $file or die $!;
    print $f $o{token} // $self->registration_token, "\n";
    close $f;
    chmod 0600, $file;
  }
  my %flags = (name => $name, region => 'eu-west', country => 'DE', city => 'Frankfurt',
    continent => 'EU', 'api-listen' => '', 'link-backoff-min' => '50ms', 'link-backoff-max' => '500ms',
    %{ $o{flags} || {} });
  my @argv = (program('sonde-node'), '--controller', $self->url, '--state', "$self->{dir}/$name",
    '--token-file', $file, '--plugins', $self->{plugins}, '--runner', program('sonde-runner'),
    '--guard-allow', 'private', map { ("--$_", $flags{$_}) } grep { defined $flags{$_} } sort keys %flags);
  # A node of the lab lives in its own network namespace.
  unshift @argv, 'ip', 'netns', 'exec', $o{netns} if $o{netns};
  $self->spawn($name, @argv);
}

sub node { return (grep { $_->{name} eq $_[1] } @{ $_[0]->get('/v1/nodes')->{json} || [] })[0] }

sub wait_online {
  my ($self, @names) = @_;
  for my $name (@names) {
    $self->until(30, sub { my $n = $self->node($name); $n && $n->{status} eq 'online' })
      or die "$name did not come online:\n" . $self->log($name) . $self->log('controller');
  }
}

sub start_nodes {
  my ($self, @regions) = @_;
  my @names = map { "node-$_" } @regions;
  $self->start_node("node-$_", flags => { region => $_ }) for @regions;
  $self->wait_online(@names);
  return @names;
}

sub request {
  my ($self, $method, $path, $body, %o) = @_;
  my %h = %{ $o{headers} || {} };
  my $token = exists $o{token} ? $o{token} : $self->{token};
  $h{authorization} = "Bearer $token" if defined $token;
  $h{'content-type'} //= 'application/json' if defined $body;
  my $r = $self->{http}->request($method, $self->url . $path,
    { headers => \%h, defined $body ? (content => ref $body ? encode_json($body) : $body) : () });
  $r->{json} = eval { decode_json($r->{content}) };
  return $r;
}

# Asks on a connection of its own, and does not wait.
sub ask {
  my ($self, $method, $path, $body, %o) = @_;
  my $text = defined $body ? encode_json($body) : '';
  my $token = $o{token} // $self->{token};
  my $socket = IO::Socket::INET->new(PeerAddr => $self->{host}, PeerPort => $self->{port}) or die "connect: $!";
  print $socket "$method $path HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $token\r\n" .
    "Content-Type: application/json\r\nContent-Length: " . length($text) . "\r\n\r\n$text";
  $socket->flush;
  return $socket;
}

# The status of the answer to ask.
sub answered {
  my ($self, $socket) = @_;
  my ($status) = (<$socket> // '') =~ m{^HTTP/1\.1 (\d+)};
  return $status;
}

sub get    { my ($s, $p, %o) = @_;     return $s->request('GET',    $p, undef, %o) }
sub post   { my ($s, $p, $b, %o) = @_; return $s->request('POST',   $p, $b,    %o) }
sub put    { my ($s, $p, $b, %o) = @_; return $s->request('PUT',    $p, $b,    %o) }
sub patch  { my ($s, $p, $b, %o) = @_; return $s->request('PATCH',  $p, $b,    %o) }
sub delete { my ($s, $p, %o) = @_;     return $s->request('DELETE', $p, undef, %o) }

# Measurement by request; returns it finished (or as it is after the limit).
sub measure {
  my ($self, $request, $limit) = @_;
  my $r = $self->post('/v1/measurements', $request);
  die "not accepted: $r->{status} $r->{content}" if $r->{status} != 202;
  return $self->finished($r->{json}{id}, $limit);
}

sub finished {
  my ($self, $id, $limit) = @_;
  my $m;
  $self->until($limit || 40, sub {
    $m = $self->get("/v1/measurements/$id")->{json};
    return $m && $m->{status} eq 'finished';
  });
  return $m;
}

sub until {
  my ($self, $seconds, $test) = @_;
  my $end = time + $seconds;
  while (time < $end) {
    return 1 if $test->();
    sleep 0.05;
  }
  return 0;
}

sub kill {
  my ($self, $name, $signal) = @_;
  my $pid = delete $self->{pids}{$name} or return;
  CORE::kill $signal, $pid;
  waitpid $pid, 0;
  return $?;
}

sub sanitized {
  my ($self) = @_;
  open my $f, '<', "/proc/$self->{pids}{controller}/maps" or return 0;
  return scalar grep { /libasan|clang_rt/ } <$f>;
}

sub children {
  my ($self, $name) = @_;
  my $pid = $self->{pids}{$name};
  my @children;
  for my $stat (glob '/proc/[0-9]*/stat') {
    open my $f, '<', $stat or next;
    my $line = <$f> // next;
    push @children, $1 if $line =~ /^(\d+) \(.*\) \S (\d+)/ && $2 == $pid;
  }
  return @children;
}

sub log {
  my ($self, $name) = @_;
  open my $f, '<', "$self->{dir}/$name.log" or return '';
  local $/;
  return "--- $name\n" . (<$f> // '');
}

sub cli {
  my ($self, @args) = @_;
  local $ENV{SONDE_URL}   = $self->url;
  local $ENV{SONDE_TOKEN} = $self->{token};
  local $ENV{NO_COLOR}    = 1;
  local $ENV{SONDE_POLICY_TOOL} = abs_path(program('sonde-policy'));
  local $ENV{SONDE_LUA}   = abs_path("$src/lua");
  my $err = "$self->{dir}/cli.err";
  my $pid = open(my $out, '-|') // die "fork: $!";
  if (!$pid) {
    open STDERR, '>', $err;
    exec program('sonde'), @args or POSIX::_exit(127);
  }
  local $/;
  my $text = <$out> // '';
  close $out;
  my $rc = $? >> 8;
  open my $f, '<', $err or die $!;
  return ($rc, $text, <$f> // '');
}

sub DESTROY {
  my ($self) = @_;
  local ($?, $!, $@);
  my @names = sort { ($a eq 'controller') <=> ($b eq 'controller') } keys %{ $self->{pids} };
  CORE::kill 'TERM', $self->{pids}{$_} for @names;
  for my $name (@names) {
    my $pid = $self->{pids}{$name};
    my $end = time + 8;
    my $gone = 0;
    sleep 0.02 while !($gone = waitpid($pid, WNOHANG)) && time < $end;
    next if $gone;
    CORE::kill 'KILL', $pid;
    waitpid $pid, 0;
  }
}

1;
