#!/usr/bin/env bash
# install-mysql-client.sh DIR
#
# Puts MySQL's own command-line client and mysqldump, those of Debian's unstable release, into DIR without installing them
# on the system, and writes DIR/bin/mysql and DIR/bin/mysqldump: wrappers that run them with their own C library. A second
# call does nothing else.
set -euo pipefail
dir=${1:?usage: install-mysql-client.sh DIR}
mkdir -p "$dir"; dir=$(cd "$dir" && pwd)
root=$dir/root work=$dir/apt

if [ ! -e "$root/.complete" ]; then
  rm -rf "$root" "$work"
  mkdir -p "$root" "$work"/{lists/partial,cache/archives/partial}
  : > "$work/status" # an empty package status makes apt list every library that the client needs, its libc included
  mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -n 1)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > "$work/sources.list"
  options=(-o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null
    -o Dir::State::Lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache"
    -o Acquire::Languages=none -o APT::Sandbox::User=root -o APT::Install-Recommends=false)
  apt-get "${options[@]}" -qq update
  packages=$(apt-get "${options[@]}" -s install mysql-client-core | awk '$1 == "Inst" { print $2 }')
  (cd "$work/cache/archives" && apt-get "${options[@]}" -qq download $packages)
  for package in "$work"/cache/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
  rm -rf "$work"
  touch "$root/.complete"
fi

libraries=$root/usr/lib/x86_64-linux-gnu
loader=$(find "$root" -name 'ld-linux-x86-64.so.2' | head -n 1)
mkdir -p "$dir/bin"
for program in mysql mysqldump; do
  cat > "$dir/bin/$program" <<WRAPPER
#!/usr/bin/env bash
exec "$loader" --library-path "$libraries:$root/lib/x86_64-linux-gnu" "$root/usr/bin/$program" "\$@"
WRAPPER
  chmod +x "$dir/bin/$program"
done
"$dir/bin/mysql" --version
