import Link from 'next/link';

export default function Page() {
  return <main><h1>Feed</h1><Link href="/admin">Admin</Link></main>;
}
