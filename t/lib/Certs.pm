# SPDX-License-Identifier: Apache-2.0
# Certificates for tests: authorities, and what they sign, with the dates and names asked for.
package Certs;
use strict;
use warnings;
use House qw(capture);

sub run {
  my (@cmd) = @_;
  my ($rc, $text) = capture('openssl', @cmd);
  die "openssl $cmd[0]: $text" if $rc;
  return $text;
}

# Files NAME.crt and NAME.key under the folder are what the calls below make.
sub new {
  my ($class, $dir) = @_;
  mkdir "$dir/ca";
  open my $f, '>', "$dir/ca/config" or die $!;
  print $f <<"CONFIG";
[ca]
default_ca = it
[it]
new_certs_dir = $dir/ca
database = $dir/ca/index
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
CONFIG
  close $f;
  open $f, '>', "$dir/ca/index" or die $!;
  return bless { dir => $dir }, $class;
}

my @EC = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes');

sub authority {
  my ($self, $name) = @_;
  run('req', '-x509', @EC, '-days', 2, '-subj', "/CN=$name", '-addext', 'basicConstraints=critical,CA:TRUE',
    '-addext', 'keyUsage=critical,keyCertSign', '-keyout', "$self->{dir}/$name.key", '-out', "$self->{dir}/$name.crt");
}

# by: an authority, or none = self-signed; from, to: YYYYMMDDHHMMSSZ; san; key: another's to use again.
sub certificate {
  my ($self, $name, %o) = @_;
  my $path = "$self->{dir}/$name";
  my @key = $o{key} ? ('-new', '-key', "$self->{dir}/$o{key}.key") : (@EC, '-keyout', "$path.key");
  if ($o{key}) {
    open my $in, '<', "$self->{dir}/$o{key}.key" or die $!;
    open my $out, '>', "$path.key" or die $!;
    print $out $_ while <$in>;
  }
  run('req', @key, '-subj', "/CN=$name", '-addext',
    'subjectAltName=' . ($o{san} || 'DNS:localhost,IP:127.0.0.1'), '-out', "$path.csr");
  my @by = $o{by} ? ('-cert', "$self->{dir}/$o{by}.crt", '-keyfile', "$self->{dir}/$o{by}.key")
                  : ('-selfsign', '-keyfile', "$path.key");
  my @when = map { ("-$_->[0]date", $o{ $_->[1] } || $_->[2]) } [ 'start', 'from', '20200101000000Z' ],
    [ 'end', 'to', '20991231235959Z' ];
  run('ca', '-batch', '-notext', '-config', "$self->{dir}/ca/config", @by, @when, '-in', "$path.csr", '-out', "$path.crt");
  chmod 0600, "$path.key";
}

# What others pin, worked out by openssl alone.
sub pin {
  my ($self, $name) = @_;
  my ($rc, $text) = capture('sh', '-c', 'openssl x509 -in "$0" -noout -pubkey | openssl pkey -pubin -outform der |'
    . ' openssl dgst -sha256 -binary | openssl base64', "$self->{dir}/$name.crt");
  die $text if $rc;
  chomp $text;
  return "sha256//$text";
}

1;
