import Link from 'next/link';

export default function Page() {
  return <main><h1>Home</h1><Link href="/admin">Admin</Link> <Link href="/open">Open</Link></main>;
}
